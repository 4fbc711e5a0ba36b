"""Which requests a fault affects, and which faults are invalid."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.simulator.errors import describe_problem
from airflow_provider_signalwire.simulator.faults import parse_faults

PREFIX = "/api/laml/2010-04-01"


def fired(fault, count, method="POST", path="/x"):
    return [fault.fires(method, path) for _ in range(count)]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, [True, False, False, False]),
        ({"times": 2}, [True, True, False, False]),
        ({"times": None}, [True] * 4),
        ({"skip": 2}, [False, False, True, False]),
        ({"probability": 0}, [False] * 4),
    ],
)
def test_fault_fires_as_often_as_given(keys, expected):
    [fault] = parse_faults([{"kind": "empty", **keys}])
    assert fired(fault, 4) == expected
    assert fault.describe() == {"kind": "empty", **keys, "fired": sum(expected)}


def test_seeded_chance_is_repeatable():
    faults = parse_faults([{"kind": "empty", "times": None, "probability": 0.3, "seed": 7}] * 2)
    first, second = (fired(fault, 200) for fault in faults)
    assert first == second
    assert 30 < sum(first) < 90


@pytest.mark.parametrize(
    ("match", "method", "path", "expected"),
    [
        ({"method": "post"}, "POST", "/x", True),
        ({"method": "POST"}, "GET", "/x", False),
        ({"path_contains": "/Streams/"}, "POST", f"{PREFIX}/Accounts/A/Calls/C/Streams/S", True),
        ({"path_contains": "/Streams/"}, "POST", f"{PREFIX}/Accounts/A/Calls/C", False),
        ({"path": "/Accounts/A"}, "GET", f"{PREFIX}/Accounts/A.json", True),
        ({"path": "/Accounts/A"}, "GET", f"{PREFIX}/Accounts/A/Calls", False),
        ({"path": "/Accounts/A", "method": "GET"}, "POST", f"{PREFIX}/Accounts/A", False),
    ],
)
def test_fault_matches_by_method_and_path(match, method, path, expected):
    [fault] = parse_faults([{"kind": "empty", "match": match, "skip": 0}])
    assert fault.fires(method, path) is expected


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("empty", "valid dictionary"),
        ({}, "Unable to extract tag"),
        ({"kind": "nothing"}, "'status', 'reset'"),
        ({"kind": "empty", "status": 200}, "empty.status: Extra inputs"),
        *(({"kind": "empty", "times": value}, "empty.times") for value in (0, True, 10**30, "1")),
        *(({"kind": "empty", "skip": value}, "empty.skip") for value in (-1, 1.5)),
        *(({"kind": "empty", "probability": value}, "empty.probability") for value in (2, float("nan"))),
        ({"kind": "empty", "seed": "x"}, "empty.seed"),
        ({"kind": "empty", "match": []}, "empty.match"),
        ({"kind": "empty", "match": {"verb": "GET"}}, "empty.match.verb"),
        ({"kind": "status"}, "status.status: Field required"),
        *(({"kind": "status", "status": value}, "status.status") for value in (100, "503")),
        ({"kind": "status", "status": 503, "headers": {"a": 1}}, "status.headers.a"),
        ({"kind": "status", "status": 503, "headers": {"a b": "1"}}, "status.headers.a b"),
        ({"kind": "status", "status": 503, "headers": {"a": "1\r\nb: 2"}}, "status.headers.a"),
        ({"kind": "reset", "when": "later"}, "'before', 'middle' or 'after'"),
        ({"kind": "hang", "seconds": float("inf")}, "hang.seconds"),
        ({"kind": "json"}, "json.body: Field required"),
        ({"kind": "patch", "drop": "uri"}, "patch.drop"),
        *(({"kind": "oversize", "bytes": value}, "oversize.bytes") for value in (5, 2**31)),
        ({"kind": "redirect", "location": "x", "status": 200}, "redirect.status"),
    ],
    ids=str,
)
def test_invalid_fault_is_refused_with_its_place(fault, problem):
    with pytest.raises(ValueError, match=r"\n1") as error:
        parse_faults([{"kind": "empty"}, fault])
    assert problem in describe_problem(error.value)


@pytest.mark.parametrize("faults", [{"kind": "empty"}, None, [{"kind": "empty"}] * 1001])
def test_only_a_short_list_of_faults_is_accepted(faults):
    with pytest.raises(ValueError, match=r"[Ll]ist"):
        parse_faults(faults)
