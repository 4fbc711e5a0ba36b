"""Calls: creating, reading, updating and deleting them."""

from __future__ import annotations

import pytest

NEW_CALL = {"To": "+13105550100", "From": "+13105550101", "Url": "http://example.com/voice.xml"}


def create(api, **fields):
    response = api.post("/Calls", data=NEW_CALL | fields)
    assert response.status_code == 200, response.text
    return response.json()


def get(api, sid):
    return api.get(f"/Calls/{sid}").json()


def test_call_is_queued_rings_and_is_answered(api, clock):
    created = create(api)
    assert created["status"] == "queued"
    assert created["start_time"] is None
    assert created["formatted_to"] == created["to_formatted"] == "(310) 555-0100"
    assert created["date_created"] == created["date_updated"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    sid = created["sid"]
    assert get(api, sid) == created
    clock.advance(0.25)
    assert get(api, sid)["status"] == "ringing"
    clock.advance(0.25)
    answered = get(api, sid)
    assert answered["status"] == "in-progress"
    assert answered["start_time"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert answered["sip_result_code"] == "200"


def test_completed_call_has_a_duration(api, clock):
    sid = create(api)["sid"]
    clock.advance(10.5)
    ended = api.post(f"/Calls/{sid}", data={"Status": "completed"})
    assert ended.status_code == 200
    record = ended.json()
    assert (record["status"], record["duration"]) == ("completed", 10)
    assert record["end_time"] == record["date_updated"] == "Tue, 14 Nov 2023 22:13:30 +0000"
    clock.advance(100)
    assert get(api, sid) == record


def test_call_can_be_canceled_before_it_is_answered(api, clock):
    sid = create(api)["sid"]
    clock.advance(0.1)
    record = api.post(f"/Calls/{sid}", data={"Status": "canceled"}).json()
    assert (record["status"], record["duration"], record["start_time"]) == ("canceled", 0, None)
    assert record["sip_result_code"] is None
    clock.advance(100)
    assert get(api, sid) == record


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
        ("Timeout", "0"),
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
    fields = NEW_CALL | {
        "Timeout": 60,
        "Record": True,
        "AsyncAmd": False,
        "SendDigits": None,
        "MaxPricePerMinute": "0.0075",
        "StatusCallbackEvent": ["initiated", "answered"],
    }
    assert api.post("/Calls", json=fields).status_code == 200
    form = simulator.requests()[-1]["form"]
    assert form["StatusCallbackEvent"] == ["initiated", "answered"]
    assert (form["Timeout"], form["Record"], form["AsyncAmd"]) == ("60", "true", "false")
    assert "SendDigits" not in form


def test_last_value_of_a_repeated_field_counts(api, call_sid):
    response = api.post(f"/Calls/{call_sid}", data={"Status": ["canceled", "completed"]})
    assert response.json()["status"] == "completed"


@pytest.mark.parametrize("body", ["{", "[]", '{"To": {"number": 1}}'])
def test_json_without_fields_is_refused(api, call_sid, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    response = api.post(f"/Calls/{call_sid}", data=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, 10000)
    listed = api.post("/Calls", data=body, headers=headers)
    assert listed.status_code == 400
    assert listed.json()["errors"][0]["code"] == "10000"
