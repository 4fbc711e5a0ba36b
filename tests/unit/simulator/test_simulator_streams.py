"""Streams: starting them, stopping them, and what becomes of them when their call ends."""

from __future__ import annotations

from urllib.parse import quote

import pytest

URL = "wss://media.example.com/stream"


def start(api, call_sid, **fields):
    return api.post(f"/Calls/{call_sid}/Streams", data={"Url": URL} | fields)


def status_of(simulator, sid):
    [stream] = [stream for stream in simulator.state.snapshot()["streams"] if stream["sid"] == sid]
    return stream["status"]


def assert_refused(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def test_a_stream_starts_and_stops_when_the_delay_has_passed(api, simulator, clock, call_sid):
    started = start(api, call_sid, Name="first")
    assert started.status_code == 200
    record = started.json()
    assert (record["name"], record["status"], record["call_sid"]) == ("first", "queued", call_sid)
    assert set(record) == {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}
    sid = record["sid"]
    assert status_of(simulator, sid) == "in-progress"
    clock.advance(60)
    stopping = api.stop(call_sid, sid).json()
    assert stopping == record | {"status": "queued", "date_updated": "Tue, 14 Nov 2023 22:14:20 +0000"}
    clock.advance(0.4)
    assert api.stop(call_sid, sid).json() == stopping
    clock.advance(0.1)
    assert api.stop(call_sid, sid).json()["status"] == "stopped", "a second stop must not restart the delay"


@pytest.mark.parametrize("name", ["plain", "with space", "with/slash", "grüße-流", "a%2Fb", "q?x=1&y=#z", "dot.json.x"])
def test_a_stream_can_be_stopped_by_name(api, call_sid, name):
    sid = start(api, call_sid, Name=name).json()["sid"]
    response = api.stop(call_sid, quote(name, safe="") + ".json")
    assert response.status_code == 200, response.text
    assert (response.json()["sid"], response.json()["name"]) == (sid, name)


def test_a_name_is_taken_while_its_stream_runs_and_free_afterwards(api, clock, call_sid):
    first = start(api, call_sid, Name="only").json()["sid"]
    assert_refused(start(api, call_sid, Name="only"), 422, 10000)
    api.stop(call_sid, "only")
    taken = start(api, call_sid, Name="only")
    assert_refused(taken, 422, 10000)
    assert "already in use" in taken.json()["message"]
    clock.advance(0.5)
    second = start(api, call_sid, Name="only").json()["sid"]
    assert api.stop(call_sid, "only").json()["sid"] == second != first


def test_a_name_of_stopped_streams_means_the_latest(api, clock, call_sid):
    for _ in range(2):
        latest = start(api, call_sid, Name="only").json()["sid"]
        api.stop(call_sid, "only")
        clock.advance(0.5)
    response = api.stop(call_sid, "only").json()
    assert (response["sid"], response["status"]) == (latest, "stopped")


def test_a_call_that_ends_takes_its_streams_along(api, simulator, clock, call_sid):
    stopped, stopping, running = (start(api, call_sid, Name=name).json()["sid"] for name in "abc")
    api.stop(call_sid, stopped)
    clock.advance(1)
    api.stop(call_sid, stopping)
    clock.advance(0.3)
    api.post(f"/Calls/{call_sid}", data={"Status": "completed"})
    clock.advance(60)
    state = simulator.state.snapshot()
    assert {stream["status"] for stream in state["streams"]} == {"stopped"}
    dates = {stream["sid"]: stream["date_updated"] for stream in state["streams"]}
    call_ended = "Tue, 14 Nov 2023 22:13:21 +0000"
    assert dates == {stopped: "Tue, 14 Nov 2023 22:13:20 +0000", stopping: call_ended, running: call_ended}
    assert state["counts"]["running_streams"] == 0


@pytest.mark.parametrize("status", ["queued", "ringing", "completed", "no-answer"])
def test_no_stream_starts_on_a_call_that_is_not_in_progress(api, simulator, status):
    [call] = simulator.seed(status=status)
    refused = start(api, call["sid"])
    assert_refused(refused, 422, 21220)
    assert status in refused.json()["message"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Url": ""}, 10000),
        ({"Url": "ws://media.example.com"}, 31922),
        ({"Url": "https://media.example.com"}, 31922),
        ({"Url": "wss://"}, 31922),
        ({"Track": "all_tracks"}, 10000),
        ({"StatusCallbackMethod": "PUT"}, 10000),
        ({"StatusCallback": "nowhere"}, 10000),
        ({"Parameter0.Name": "a"}, 10000),
        ({"Parameter100.Name": "a"}, 10000),
        ({"Parameter1.Value": "a"}, 10000),
    ],
)
def test_a_stream_with_a_wrong_field_is_refused(api, simulator, call_sid, fields, code):
    assert_refused(start(api, call_sid, **fields), 422, code)
    assert simulator.state.snapshot()["streams"] == []


def test_a_stream_keeps_what_it_was_started_with_but_no_secret(api, simulator, call_sid):
    fields = {
        "Url": f"{URL}?key=hidden",
        "Track": "inbound_track",
        "Parameter1.Name": "FirstName",
        "Parameter1.Value": "Jane",
        "Parameter99.Name": "Empty",
        "AuthorizationBearerToken": "very-secret",
    }
    sid = start(api, call_sid, **fields).json()["sid"]
    assert simulator.state.snapshot()["streams"] == [
        {
            "call_sid": call_sid,
            "sid": sid,
            "name": "",
            "status": "in-progress",
            "date_updated": "Tue, 14 Nov 2023 22:13:20 +0000",
            "url": URL,
            "track": "inbound_track",
            "parameters": {"FirstName": "Jane", "Empty": ""},
            "authorization_bearer_token": "redacted",
        }
    ]
    log = str(simulator.requests())
    assert "very-secret" not in log
    assert "'AuthorizationBearerToken': 'redacted'" in log
