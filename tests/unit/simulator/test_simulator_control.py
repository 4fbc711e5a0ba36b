"""The control endpoints: state, requests, reset, faults, seeds, OpenAPI."""

from __future__ import annotations

import gc
import json
import logging
import socket

import pytest

from airflow_provider_signalwire.simulator import store
from airflow_provider_signalwire.simulator.compatibility.calls import Call, Recording
from airflow_provider_signalwire.simulator.resources import Stream

NEW_CALL = {"To": "a", "From": "b", "Twiml": "c"}


@pytest.fixture
def control(api):
    """Requests by path below /_simulator, without credentials."""

    def request(method, path, **options):
        return api.request(method, f"/_simulator{path}", auth=lambda request: request, **options)

    return request


def test_state_shows_calls_streams_and_counts(api, simulator, control, clock):
    seeded = simulator.seed(count=2, streams=[{"name": "a", "url": "wss://example.com/a?key=1"}, {"name": "b"}])
    api.stop(seeded[0]["sid"], "a")
    api.stop(seeded[1]["sid"], "b")
    clock.advance(0.5)
    api.stop(seeded[1]["sid"], "a")
    state = control("GET", "/state").json()
    assert json.loads(json.dumps(simulator.state.snapshot())) == state
    assert [call["sid"] for call in state["calls"]] == [call["sid"] for call in seeded]
    assert state["calls"][0] == {
        "sid": seeded[0]["sid"],
        "account_sid": simulator.project,
        "to": "+15550100001",
        "from": "+15550100002",
        "status": "in-progress",
        "start_time": "Tue, 14 Nov 2023 22:13:20 +0000",
        "end_time": None,
    }
    assert [stream["status"] for stream in state["streams"]] == ["stopped", "in-progress", "queued", "stopped"]
    stream = state["streams"][0]
    assert (stream["url"], stream["call_sid"]) == ("wss://example.com/a", seeded[0]["sid"])
    assert state["counts"] == {"calls": 2, "streams": 4, "running_streams": 2, "requests": 3}
    assert state["settings"]["project"] == simulator.project
    assert simulator.token not in control("GET", "/state").text


def test_request_log_shows_requests_without_credentials(api, simulator, control, clock, call_sid):
    api.post(f"/Calls/{call_sid}.json?x=1&y=%20", data={"Status": "completed"})
    api.get("/Nothing")
    response = control("GET", "/requests")
    assert response.json()["total"] == 2
    first, second = response.json()["requests"]
    request_id = first.pop("request_id")
    assert len(request_id) == 36
    assert first == {
        "method": "POST",
        "path": f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{call_sid}.json",
        "query": "x=1&y=%20",
        "form": {"Status": "completed"},
        "timestamp": clock.now,
        "status": 200,
        "fault": None,
    }
    assert (second["method"], second["status"]) == ("GET", 404)
    assert "authorization" not in response.text.lower()
    assert simulator.token not in response.text


def test_control_requests_are_neither_logged_nor_affected_by_faults(control):
    control("POST", "/faults", json=[{"kind": "status", "status": 503, "times": None}])
    assert control("GET", "/state").status_code == 200
    assert control("GET", "/requests").json() == {"total": 0, "requests": []}


def test_faults_are_set_and_shown(api, control):
    fault = {"kind": "status", "status": 503, "match": {"method": "GET"}}
    response = control("POST", "/faults", json=[fault])
    assert (response.status_code, response.json()) == (200, [fault | {"fired": 0}])
    assert api.get("").status_code == 503
    refused = control("POST", "/faults", json=[{"kind": "odd"}])
    assert (refused.status_code, "'odd'" in refused.json()["error"]) == (400, True)
    assert control("GET", "/faults").json() == [fault | {"fired": 1}]


def test_reset_forgets_everything(api, simulator, control):
    simulator.seed(streams=[{"name": "a"}])
    simulator.set_faults([{"kind": "empty", "times": None}])
    api.get("")
    assert control("POST", "/reset").json()["settings"]["answer_delay_ms"] == 500
    assert control("GET", "/requests").json() == {"total": 0, "requests": []}
    assert control("GET", "/faults").json() == []
    state = control("GET", "/state").json()
    assert (state["calls"], state["streams"]) == ([], [])
    assert set(state["counts"].values()) == {0}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{"latency_ms": -1}', "latency_ms"),
        ('{"rate_limit": 5}', "rate_limit"),
        ('{"project": "other"}', "project: Extra inputs"),
        ('{"self": 1}', "self: Extra inputs"),
        ("[]", "JSON object"),
    ],
)
def test_invalid_reset_changes_nothing(simulator, control, body, problem):
    simulator.seed()
    response = control("POST", "/reset", data=body)
    assert response.status_code == 400
    assert problem in response.json()["error"]
    assert simulator.state.snapshot()["counts"]["calls"] == 1


def test_seed_adds_calls(api, simulator, control):
    [subproject] = simulator.state.settings.subprojects
    plan = {
        "count": 3,
        "status": "completed",
        "age_seconds": 90,
        "to": "+1",
        "from": "+2",
        "account_sid": subproject,
        "parent_call_sid": "parent",
        "streams": [{"name": "a"}, {"name": "b"}],
    }
    response = control("POST", "/calls", json=plan)
    assert response.status_code == 201
    calls = response.json()["calls"]
    assert [[stream["name"] for stream in call["streams"]] for call in calls] == [["a", "b"]] * 3
    record = api.get(api.url(f"/Calls/{calls[0]['sid']}", subproject)).json()
    assert record.items() >= {"to": "+1", "from": "+2", "parent_call_sid": "parent", "duration": 90}.items()
    streams = control("GET", "/state").json()["streams"]
    assert {stream["status"] for stream in streams} == {"stopped"}
    assert [stream["sid"] for stream in streams] == [stream["sid"] for call in calls for stream in call["streams"]]


def test_seeds_may_have_chosen_sids_and_be_sent_back(api, simulator, control):
    seeded = control("POST", "/calls", json={"sid": "CA-1", "streams": [{"sid": "ST-1", "name": "a"}]}).json()
    assert seeded == {"calls": [{"sid": "CA-1", "streams": [{"sid": "ST-1", "name": "a"}]}]}
    assert api.stop("CA-1", "ST-1").json()["name"] == "a"
    again = control("POST", "/calls", json=seeded)
    assert (again.status_code, again.json()["error"]) == (400, "a sid is in use already")
    simulator.reset()
    again = control("POST", "/calls", json=seeded)
    assert (again.status_code, again.json()) == (201, seeded)


def test_one_request_seeds_different_calls(control):
    seeds = [{"sid": "CA-1", "status": "completed"}, {"count": 2}, {"sid": "CA-2", "streams": [{"name": "a"}]}]
    calls = control("POST", "/calls", json=seeds).json()["calls"]
    assert [len(call["streams"]) for call in calls] == [0, 0, 0, 1]
    assert [call["status"] for call in control("GET", "/state").json()["calls"]] == ["completed", *["in-progress"] * 3]


@pytest.mark.parametrize(
    ("status", "duration", "has_started", "has_ended"),
    [
        ("queued", 0, False, False),
        ("ringing", 0, True, False),
        ("in-progress", 0, True, False),
        ("completed", 60, True, True),
        ("no-answer", 0, True, True),
    ],
)
def test_seeded_calls_keep_their_status(api, simulator, clock, status, duration, has_started, has_ended):
    [call] = simulator.seed(status=status, age_seconds=60)
    clock.advance(3600)
    record = api.get(f"/Calls/{call['sid']}").json()
    assert (record["status"], record["duration"]) == (status, duration)
    assert (record["start_time"] is not None, record["end_time"] is not None) == (has_started, has_ended)


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        *(({"count": value}, "count") for value in (0, True, "5", 10**9, 10**30)),
        ({"status": "asleep"}, "status"),
        *(({"age_seconds": value}, "age_seconds") for value in (-1, "old", 1e300)),
        ({"account_sid": "unknown"}, "no account"),
        ({"to": 5}, "to:"),
        ({"streams": ["a"]}, "streams.0"),
        ({"streams": [{"track": "a"}]}, "streams.0.track"),
        ({"streams": [{"sid": "x"}, {"sid": "x"}]}, "same sid"),
        ({"count": 2, "sid": "x"}, "count must be 1"),
        ({"count": 2, "streams": [{"sid": "x"}]}, "count must be 1"),
        ([{"sid": "x"}, {"sid": "x"}], "already"),
        ({"from_": "x"}, "from_: Extra inputs"),
        ({"count": 10_000, "streams": [{}] * 1000}, "full"),
        ({"count": 10_001}, "10000"),
        ([{"count": 6000}] * 2, "10,000"),
        ("call", "list"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_seed_is_refused(simulator, control, plan, problem):
    response = control("POST", "/calls", json=plan)
    assert (response.status_code, problem in response.json()["error"]) == (400, True), response.text
    assert simulator.state.snapshot()["calls"] == []


def test_reset_frees_calls_without_the_garbage_collector(api, simulator, eventually):
    def records():
        # isinstance would ask each object for its class, which makes lazily imported modules load.
        found = [one for one in gc.get_objects() if type(one) in (Call, Stream, Recording)]
        return [one for one in found if call["sid"] in (one.sid, getattr(one, "call_sid", None))]

    gc.collect()
    gc.disable()
    try:
        [call] = simulator.seed(streams=[{"name": "a"}])
        api.post(f"/Calls/{call['sid']}/Recordings")
        assert len(records()) == 2
        simulator.reset()
        eventually(lambda: not records())  # the server may still be leaving the request's frames
    finally:
        gc.enable()


def test_full_simulator_refuses_more_until_calls_are_deleted(api, simulator, monkeypatch):
    monkeypatch.setattr(store, "CAPACITY", 12)
    [call] = simulator.seed(streams=[{}] * 11)
    full = api.post("/Calls", data=NEW_CALL)
    assert (full.status_code, full.json()["code"]) == (503, 20504)
    simulator.state.end_call(call["sid"])
    api.delete(f"/Calls/{call['sid']}")
    assert api.post("/Calls", data=NEW_CALL).status_code == 200


def test_reset_ends_requests_in_flight(simulator, control, eventually):
    simulator.reset(latency_ms=3_600_000)
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(simulator.requests)
        control("POST", "/reset")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/state", 405)])
def test_unknown_control_endpoint_is_an_error(control, method, path, status):
    response = control(method, path)
    assert (response.status_code, list(response.json())) == (status, ["error"])


def test_unexpected_exception_is_an_internal_error(api, simulator, monkeypatch, caplog):
    monkeypatch.setattr(simulator.state, "clock", lambda: "not a time")
    monkeypatch.setattr(logging.getLogger("airflow_provider_signalwire.simulator.app"), "propagate", True)
    response = api.post("/Calls", data=NEW_CALL)
    assert (response.status_code, response.json()["code"]) == (500, 20001)
    assert "TypeError" in caplog.text
