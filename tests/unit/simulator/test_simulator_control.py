"""The simulator's own endpoints: looking in, resetting, seeding."""

from __future__ import annotations

import logging
import time

import pytest
import requests

from airflow_provider_signalwire.simulator import journal


@pytest.fixture
def control(simulator):
    """Requests without credentials, by path below /_simulator."""
    session = requests.Session()
    session.trust_env = False

    def request(method, path, **options):
        return session.request(method, f"{simulator.url}/_simulator{path}", timeout=10, **options)

    with session:
        yield request


def test_the_state_shows_calls_streams_and_counts(api, simulator, control, clock):
    seeded = simulator.seed(count=2, streams=[{"name": "a", "url": "wss://example.com/a?key=1"}, {"name": "b"}])
    api.stop(seeded[0]["sid"], "a")
    api.stop(seeded[1]["sid"], "b")
    clock.advance(0.5)
    api.stop(seeded[1]["sid"], "a")
    state = control("GET", "/state").json()
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
    assert [stream["status"] for stream in state["streams"]] == [
        "stopped",
        "in-progress",
        "queued",
        "stopped",
    ]
    assert (state["streams"][0]["url"], state["streams"][0]["call_sid"]) == (
        "wss://example.com/a",
        seeded[0]["sid"],
    )
    assert state["counts"] == {"calls": 2, "streams": 4, "running_streams": 2, "requests": 3}
    assert state["settings"]["project"] == simulator.project
    assert simulator.token not in control("GET", "/state").text


def test_the_journal_shows_what_was_sent_without_credentials(api, simulator, control, clock, call_sid):
    api.post(f"/Calls/{call_sid}.json?x=1&y=%20", data={"Status": "completed"})
    api.get("/Nothing")
    answer = control("GET", "/requests")
    assert answer.json()["total"] == 2
    first, second = answer.json()["requests"]
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
    assert "authorization" not in answer.text.lower()
    assert simulator.token not in answer.text


def test_the_journal_can_be_searched_by_path(api, simulator, control, call_sid):
    api.get(f"/Calls/{call_sid}")
    api.stop(call_sid, "with%20space")
    [found] = control("GET", "/requests", params={"path_contains": "/Streams/with%20space"}).json()["requests"]
    assert found["method"] == "POST"
    assert simulator.requests("/Streams/")[0]["request_id"] == found["request_id"]


def test_the_journal_forgets_the_oldest_but_counts_them(monkeypatch):
    monkeypatch.setattr(journal, "CAPACITY", 3)
    short = journal.Journal()
    for number in range(5):
        short.add(journal.Entry("GET", str(number), "", {}, 0.0, ""))
    assert short.total == 5
    assert [entry["path"] for entry in short.entries()] == ["2", "3", "4"]


def test_control_requests_are_neither_noted_nor_broken(control):
    control("POST", "/faults", json=[{"kind": "status", "status": 503, "times": None}])
    assert control("GET", "/state").status_code == 200
    assert control("GET", "/requests").json() == {"total": 0, "requests": []}


def test_a_reset_forgets_everything(api, simulator, control):
    simulator.seed(streams=[{"name": "a"}])
    simulator.set_faults([{"kind": "empty", "times": None}])
    api.get("")
    assert control("POST", "/reset").status_code == 200
    assert control("GET", "/requests").json() == {"total": 0, "requests": []}
    assert control("GET", "/faults").json() == []
    state = control("GET", "/state").json()
    assert (state["calls"], state["streams"]) == ([], [])
    assert set(state["counts"].values()) == {0}


def test_a_reset_takes_settings_and_the_next_one_returns_to_the_first(control):
    changes = {"latency_ms": 1, "answer_delay_ms": 2.5, "stop_delay_ms": 3, "rate_limit": "100/10"}
    changed = control("POST", "/reset", json=changes).json()["settings"]
    assert changes.items() <= changed.items()
    first = control("POST", "/reset").json()["settings"]
    assert (first["latency_ms"], first["stop_delay_ms"], first["rate_limit"]) == (0, 500, None)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{"latency_ms": -1}', "latency_ms"),
        ('{"rate_limit": 5}', "rate_limit"),
        ('{"project": "other"}', "unknown setting 'project'"),
        ('{"self": 1}', "unknown setting 'self'"),
        ("[]", "JSON object"),
        ("{", "not valid JSON"),
    ],
)
def test_a_reset_with_wrong_settings_changes_nothing(simulator, control, body, problem):
    simulator.seed()
    answer = control("POST", "/reset", data=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert simulator.state.snapshot()["counts"]["calls"] == 1


def test_calls_are_seeded(api, control, subproject):
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
    answer = control("POST", "/calls", json=plan)
    assert answer.status_code == 201
    calls = answer.json()["calls"]
    assert [[stream["name"] for stream in call["streams"]] for call in calls] == [["a", "b"]] * 3
    record = api.get(f"{api.root}/Accounts/{subproject}/Calls/{calls[0]['sid']}").json()
    assert (record["to"], record["from"], record["parent_call_sid"]) == ("+1", "+2", "parent")
    assert (record["status"], record["duration"]) == ("completed", 90)
    streams = control("GET", "/state").json()["streams"]
    assert {stream["status"] for stream in streams} == {"stopped"}
    assert [stream["sid"] for stream in streams] == [stream["sid"] for call in calls for stream in call["streams"]]


def test_one_call_may_be_seeded_with_sids_of_choice(api, control):
    plan = {"sid": "CA-1", "streams": [{"sid": "ST-1"}]}
    assert control("POST", "/calls", json=plan).json()["calls"] == [
        {"sid": "CA-1", "streams": [{"sid": "ST-1", "name": ""}]}
    ]
    assert api.stop("CA-1", "ST-1").json()["sid"] == "ST-1"
    again = control("POST", "/calls", json=plan)
    assert (again.status_code, again.json()["error"]) == (400, "there is a call CA-1 already")


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
def test_seeded_calls_stay_as_they_are(api, simulator, clock, status, duration, has_started, has_ended):
    [call] = simulator.seed(status=status, age_seconds=60)
    clock.advance(3600)
    record = api.get(f"/Calls/{call['sid']}").json()
    assert (record["status"], record["duration"]) == (status, duration)
    assert (record["start_time"] is not None, record["end_time"] is not None) == (has_started, has_ended)


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        ({"count": 0}, "count"),
        ({"count": True}, "count"),
        ({"count": "5"}, "count"),
        ({"status": "asleep"}, "status"),
        ({"age_seconds": -1}, "age_seconds"),
        ({"age_seconds": "old"}, "age_seconds"),
        ({"account_sid": "unknown"}, "no account"),
        ({"to": 5}, "text"),
        ({"streams": ["a"]}, "a stream takes"),
        ({"streams": [{"track": "a"}]}, "a stream takes"),
        ({"streams": [{"name": 1}]}, "must be texts"),
        ({"count": 2, "sid": "x"}, "one call only"),
        ({"count": 2, "streams": [{"sid": "x"}]}, "one call only"),
        ({"number": 5}, "unknown key 'number'"),
        ([], "JSON object"),
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(simulator, control, plan, problem):
    answer = control("POST", "/calls", json=plan)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert simulator.state.snapshot()["calls"] == []


def test_ten_thousand_calls_are_seeded_in_a_moment(control):
    began = time.monotonic()
    answer = control("POST", "/calls", json={"count": 10_000, "streams": [{"name": "a"}]})
    assert time.monotonic() - began < 5
    assert len({call["streams"][0]["sid"] for call in answer.json()["calls"]}) == 10_000


@pytest.mark.parametrize(
    ("method", "path", "status", "code"), [("GET", "/nothing", 404, 20404), ("PUT", "/state", 405, 20004)]
)
def test_control_endpoints_that_are_not_there_say_so(control, method, path, status, code):
    answer = control(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_fault_of_the_simulators_own_is_an_internal_error(api, simulator, monkeypatch, caplog, eventually):
    monkeypatch.setattr(simulator.state, "account", lambda account_sid: 1 / 0)
    for name in ("uvicorn", "uvicorn.error"):  # an Airflow that has set up its logging may have silenced them
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    answer = api.get("")
    assert (answer.status_code, answer.json()["code"]) == (500, 20001)
    eventually(lambda: "ZeroDivisionError" in caplog.text)
