"""Recordings: starting, pausing, resuming and stopping them."""

from __future__ import annotations


def start(api, call_sid, **fields):
    return api.post(f"/Calls/{call_sid}/Recordings", data=fields)


def update(api, call_sid, sid, **fields):
    return api.post(f"/Calls/{call_sid}/Recordings/{sid}", data=fields)


def assert_refused(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def test_recording_is_paused_resumed_and_stopped(api, clock, call_sid):
    started = start(api, call_sid).json()
    assert (started["status"], started["channels"], started["trim"]) == ("in-progress", "1", "do-not-trim")
    assert (started["duration"], started["end_time"], started["call_sid"]) == (0, None, call_sid)
    sid = started["sid"]
    clock.advance(5)
    paused = update(api, call_sid, sid, Status="paused", PauseBehavior="skip").json()
    assert paused == started | {"status": "paused", "date_updated": "Tue, 14 Nov 2023 22:13:25 +0000"}
    assert update(api, call_sid, sid, Status="in-progress").json()["status"] == "in-progress"
    clock.advance(5)
    stopped = update(api, call_sid, sid, Status="stopped").json()
    assert (stopped["status"], stopped["duration"]) == ("stopped", 10)
    assert stopped["end_time"] == "Tue, 14 Nov 2023 22:13:30 +0000"
    assert_refused(update(api, call_sid, sid, Status="paused"), 422, 10000)


def test_record_shows_options(api, call_sid):
    record = start(api, call_sid, RecordingChannels="dual", Trim="trim-silence").json()
    assert (record["channel"], record["channels"], record["trim"]) == ("2", "2", "trim-silence")


def test_recording_ends_with_its_call(api, simulator, clock, call_sid):
    early, late = (start(api, call_sid).json()["sid"] for _ in range(2))
    update(api, call_sid, early, Status="stopped")
    clock.advance(3)
    simulator.state.end_call(call_sid)
    recordings = {record["sid"]: record for record in simulator.state.snapshot()["recordings"]}
    assert (recordings[early]["status"], recordings[early]["duration"]) == ("stopped", 0)
    assert (recordings[late]["status"], recordings[late]["duration"]) == ("completed", 3)
