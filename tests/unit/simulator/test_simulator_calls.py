"""Calls and their recordings: creating, reading, updating and deleting them."""

from __future__ import annotations

import pytest

NEW_CALL = {"To": "+13105550100", "From": "+13105550101", "Url": "http://example.com/voice.xml"}


@pytest.fixture
def created(api):
    response = api.post("/Calls", data=NEW_CALL)
    assert response.status_code == 200, response.text
    return response.json()


def get(api, sid):
    return api.get(f"/Calls/{sid}").json()


def test_call_is_queued_rings_and_is_answered(api, clock, created):
    assert (created["status"], created["start_time"]) == ("queued", None)
    assert created["formatted_to"] == created["to_formatted"] == "(310) 555-0100"
    assert created["date_created"] == created["date_updated"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert get(api, created["sid"]) == created
    clock.advance(0.25)
    assert get(api, created["sid"])["status"] == "ringing"
    clock.advance(0.25)
    answered = get(api, created["sid"])
    assert (answered["status"], answered["sip_result_code"]) == ("in-progress", "200")
    assert answered["start_time"] == "Tue, 14 Nov 2023 22:13:20 +0000"


def test_completed_call_has_a_duration(api, clock, created):
    clock.advance(10.5)
    record = api.post(f"/Calls/{created['sid']}", data={"Status": "completed"}).json()
    assert (record["status"], record["duration"]) == ("completed", 10)
    assert record["end_time"] == record["date_updated"] == "Tue, 14 Nov 2023 22:13:30 +0000"
    clock.advance(100)
    assert get(api, created["sid"]) == record


def test_call_can_be_canceled_before_it_is_answered(api, clock, created):
    clock.advance(0.1)
    record = api.post(f"/Calls/{created['sid']}", data={"Status": "canceled"}).json()
    assert (record["status"], record["duration"], record["start_time"]) == ("canceled", 0, None)
    assert record["sip_result_code"] is None
    clock.advance(100)
    assert get(api, created["sid"]) == record


def test_ended_call_cannot_be_updated(api, simulator, call_sid):
    simulator.state.end_call(call_sid, "failed")
    response = api.post(f"/Calls/{call_sid}", data={"Status": "completed"})
    assert (response.status_code, response.json()["code"]) == (400, 10000)
    assert get(api, call_sid)["status"] == "failed"


def test_ended_call_can_be_deleted_once(api, simulator, call_sid):
    others = [call["sid"] for call in simulator.seed(count=2)]
    simulator.state.end_call(call_sid)
    response = api.delete(f"/Calls/{call_sid}")
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Length" not in response.headers
    assert api.get(f"/Calls/{call_sid}").status_code == 404
    assert {call["sid"] for call in api.get("/Calls").json()["calls"]} == set(others)
    assert api.delete(f"/Calls/{call_sid}").status_code == 404


def test_all_missing_fields_of_a_new_call_are_listed(api):
    response = api.post("/Calls", data={"Method": "GET"})
    assert response.status_code == 400
    problems = response.json()["errors"]
    assert [problem["code"] for problem in problems] == ["10000"] * 3
    assert [problem["message"].split()[0] for problem in problems] == ["To", "From", "Url"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Url", "nowhere"),
        ("Url", "http://[broken"),
        ("StatusCallbackMethod", "DELETE"),
        ("Timeout", "601"),
        ("Timeout", "soon"),
        ("SendDigits", "12x"),
        ("MachineDetection", "maybe"),
        ("AsyncAmd", "perhaps"),
        ("MaxPricePerMinute", "0.00001"),
    ],
)
def test_invalid_field_of_a_new_call_is_refused(api, field, value):
    response = api.post("/Calls", data=NEW_CALL | {field: value})
    assert (response.status_code, response.json()["code"]) == (422, 10000)
    assert field in response.json()["message"]


def test_body_may_be_json(api, simulator):
    events = ["initiated", "answered"]
    fields = {"Timeout": 60, "Record": True, "AsyncAmd": False, "SendDigits": None, "Trim": []}
    assert api.post("/Calls", json=NEW_CALL | fields | {"StatusCallbackEvent": events}).status_code == 200
    expected = {"Timeout": "60", "Record": "true", "AsyncAmd": "false", "StatusCallbackEvent": events, "Trim": []}
    assert simulator.requests()[-1]["form"] == NEW_CALL | expected


@pytest.mark.parametrize("body", ["{", "[]", '{"To": {"number": 1}}'])
def test_json_without_fields_is_refused(api, call_sid, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    response = api.post(f"/Calls/{call_sid}", data=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, 10000)


def test_last_value_of_a_repeated_field_counts(api, call_sid):
    response = api.post(f"/Calls/{call_sid}", data={"Status": ["canceled", "completed"]})
    assert response.json()["status"] == "completed"


@pytest.fixture
def record_call(api, call_sid):
    """Start a recording, or with a SID change it."""

    def post(sid=None, **fields):
        return api.post(f"/Calls/{call_sid}/Recordings{f'/{sid}' if sid else ''}", data=fields)

    return post


def test_recording_is_paused_resumed_and_stopped(clock, call_sid, record_call):
    started = record_call().json()
    assert (started["status"], started["channels"], started["trim"]) == ("in-progress", "1", "do-not-trim")
    assert (started["duration"], started["end_time"], started["call_sid"]) == (0, None, call_sid)
    clock.advance(5)
    paused = record_call(started["sid"], Status="paused", PauseBehavior="skip").json()
    assert paused == started | {"status": "paused", "date_updated": "Tue, 14 Nov 2023 22:13:25 +0000"}
    assert record_call(started["sid"], Status="in-progress").json()["status"] == "in-progress"
    clock.advance(5)
    stopped = record_call(started["sid"], Status="stopped").json()
    assert (stopped["status"], stopped["duration"]) == ("stopped", 10)
    assert stopped["end_time"] == "Tue, 14 Nov 2023 22:13:30 +0000"
    refused = record_call(started["sid"], Status="paused")
    assert (refused.status_code, refused.json()["code"]) == (422, 10000)


def test_recording_shows_its_options(record_call):
    record = record_call(RecordingChannels="dual", Trim="trim-silence").json()
    assert (record["channel"], record["channels"], record["trim"]) == ("2", "2", "trim-silence")


def test_recording_ends_with_its_call(simulator, clock, call_sid, record_call):
    early, late = (record_call().json()["sid"] for _ in range(2))
    record_call(early, Status="stopped")
    clock.advance(3)
    simulator.state.end_call(call_sid)
    recordings = {record["sid"]: record for record in simulator.state.snapshot()["recordings"]}
    assert (recordings[early]["status"], recordings[early]["duration"]) == ("stopped", 0)
    assert (recordings[late]["status"], recordings[late]["duration"]) == ("completed", 3)
