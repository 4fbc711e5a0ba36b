"""Which requests run into which fault."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_signalwire.simulator.faults import KINDS, FaultList

PREFIX = "/api/laml/2010-04-01"


@pytest.fixture
def faults():
    return FaultList()


def fired(faults, count, method="POST", path="/x"):
    return [faults.take(method, path) is not None for _ in range(count)]


def test_a_fault_fires_once_unless_told_otherwise(faults):
    faults.replace([{"kind": "empty"}])
    assert fired(faults, 3) == [True, False, False]
    assert faults.describe() == [{"kind": "empty", "fired": 1}]


def test_a_fault_fires_as_often_as_told(faults):
    faults.replace([{"kind": "empty", "times": 2}])
    assert fired(faults, 4) == [True, True, False, False]
    faults.replace([{"kind": "empty", "times": None}])
    assert fired(faults, 4) == [True] * 4


def test_a_fault_lets_the_first_matches_through(faults):
    faults.replace([{"kind": "empty", "skip": 2, "match": {"method": "POST"}}])
    assert fired(faults, 1, method="GET") == [False]
    assert fired(faults, 4) == [False, False, True, False]


def test_chance_is_repeatable(faults):
    fault = {"kind": "empty", "times": None, "probability": 0.3, "seed": 7}
    faults.replace([fault])
    first = fired(faults, 200)
    faults.replace([fault])
    assert fired(faults, 200) == first
    assert 30 < sum(first) < 90
    faults.replace([{**fault, "probability": 0}])
    assert not any(fired(faults, 20))


def test_the_first_live_fault_wins(faults):
    faults.replace([{"kind": "html"}, {"kind": "empty", "times": None}])
    assert [faults.take("GET", "/x").kind for _ in range(3)] == ["html", "empty", "empty"]


@pytest.mark.parametrize(
    ("match", "method", "path", "expected"),
    [
        ({}, "GET", "/x", True),
        ({"method": "post"}, "POST", "/x", True),
        ({"method": "POST"}, "GET", "/x", False),
        ({"path_contains": "/Streams/"}, "POST", f"{PREFIX}/Accounts/A/Calls/C/Streams/S", True),
        ({"path_contains": "/Streams/"}, "POST", f"{PREFIX}/Accounts/A/Calls/C", False),
        ({"path": "/Accounts/A"}, "GET", f"{PREFIX}/Accounts/A", True),
        ({"path": "/Accounts/A"}, "GET", f"{PREFIX}/Accounts/A.json", True),
        ({"path": "/Accounts/A"}, "GET", f"{PREFIX}/Accounts/A/Calls", False),
        ({"path": "/Accounts/A", "method": "GET"}, "POST", f"{PREFIX}/Accounts/A", False),
    ],
)
def test_a_fault_matches_by_method_and_path(faults, match, method, path, expected):
    faults.replace([{"kind": "empty", "match": match}])
    assert (faults.take(method, path) is not None) is expected


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("empty", "must be an object"),
        ({}, "unknown kind None"),
        ({"kind": "nothing"}, "unknown kind 'nothing': use status, reset"),
        ({"kind": ["empty"]}, "unknown kind"),
        ({"kind": "empty", "status": 200}, "unknown key 'status': kind empty takes match"),
        ({"kind": "empty", "times": 0}, "times must be"),
        ({"kind": "empty", "times": True}, "times must be"),
        ({"kind": "empty", "skip": -1}, "skip must be"),
        ({"kind": "empty", "probability": 2}, "probability must be"),
        ({"kind": "empty", "seed": "x"}, "seed must be"),
        ({"kind": "empty", "match": []}, "match must be"),
        ({"kind": "empty", "match": {"verb": "GET"}}, "unknown key 'verb' in match"),
        ({"kind": "empty", "match": {"path": 5}}, "path in match must be a text"),
        ({"kind": "status"}, "status is missing"),
        ({"kind": "status", "status": 100}, "status must be"),
        ({"kind": "status", "status": "503"}, "status must be"),
        ({"kind": "status", "status": 503, "headers": {"a": 1}}, "headers must be"),
        ({"kind": "status", "status": 503, "headers": {"a b": "1"}}, "headers must be"),
        ({"kind": "status", "status": 503, "headers": {"a": "1\r\nb: 2"}}, "headers must be"),
        ({"kind": "status", "status": 503, "when": "middle"}, "when must be before or after"),
        ({"kind": "reset", "when": "later"}, "when must be before, middle or after"),
        ({"kind": "hang", "when": "middle"}, "when must be before or after"),
        ({"kind": "hang", "seconds": -1}, "seconds must be"),
        ({"kind": "slow"}, "seconds is missing"),
        ({"kind": "html", "status": 700}, "status must be"),
        ({"kind": "json"}, "body is missing"),
        ({"kind": "patch", "set": []}, "set must be"),
        ({"kind": "patch", "drop": "uri"}, "drop must be"),
        ({"kind": "oversize", "bytes": 5}, "bytes must be"),
        ({"kind": "redirect"}, "location is missing"),
        ({"kind": "redirect", "location": "x", "status": 200}, "status must be"),
    ],
)
def test_a_fault_that_is_none_is_refused_and_the_old_ones_stay(faults, fault, problem):
    faults.replace([{"kind": "html"}])
    with pytest.raises(ValueError, match="fault 1: ") as refusal:
        faults.replace([{"kind": "empty"}, fault])
    assert problem in str(refusal.value)
    assert [described["kind"] for described in faults.describe()] == ["html"]


@pytest.mark.parametrize("faults_given", [{"kind": "empty"}, "empty", None])
def test_faults_must_be_a_list(faults, faults_given):
    with pytest.raises(ValueError, match="must be a list"):
        faults.replace(faults_given)


def test_every_kind_says_what_its_keys_must_be():
    assert all(option.meaning for options in KINDS.values() for option in options.values())


def test_faults_are_set_and_seen_over_http(api, simulator):
    url = f"{simulator.url}/_simulator/faults"
    fault = {"kind": "status", "status": 503, "match": {"method": "GET"}}
    answer = requests.post(url, json=[fault], timeout=10)
    assert (answer.status_code, answer.json()) == (200, [fault | {"fired": 0}])
    assert api.get("").status_code == 503
    assert requests.get(url, timeout=10).json() == [fault | {"fired": 1}]
    assert requests.post(url, json=[], timeout=10).json() == []
    assert requests.get(url, timeout=10).json() == []


@pytest.mark.parametrize(("body", "problem"), [("[", "not valid JSON"), ('[{"kind": "odd"}]', "unknown kind 'odd'")])
def test_wrong_faults_are_refused_over_http(simulator, body, problem):
    answer = requests.post(f"{simulator.url}/_simulator/faults", data=body, timeout=10)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
