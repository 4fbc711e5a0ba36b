"""Faults: which are valid, which requests they affect, and what they do under both of uvicorn's HTTP protocols."""

from __future__ import annotations

import json
import socket
import time

import pytest
import requests
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from airflow_provider_signalwire.simulator import server as server_module
from airflow_provider_signalwire.simulator.errors import describe_problem
from airflow_provider_signalwire.simulator.faults import parse_faults
from airflow_provider_signalwire.simulator.server import SimulatorServer, with_transport

JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
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


@pytest.fixture(scope="module", params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def running(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_module, "HTTP_PROTOCOL", with_transport(request.param))
        with SimulatorServer() as server:
            yield server


@pytest.fixture
def simulator(running):
    running.reset(rate_limit="100/10")
    return running


@pytest.fixture
def call_sid(simulator):
    return simulator.seed(streams=[{"name": "a"}])[0]["sid"]


@pytest.fixture
def was_processed(simulator):
    return lambda: simulator.state.snapshot()["streams"][0]["status"] != "in-progress"


def raw(simulator, call_sid):
    """Send a stop over a plain socket."""
    auth = requests.auth._basic_auth_str(simulator.project, simulator.token)
    path = f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{call_sid}/Streams/a"
    connection = socket.create_connection(("127.0.0.1", simulator.port), timeout=10)
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {auth}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\n"
        "Status=stopped".encode()
    )
    return connection


def read_to_reset(connection):
    """Read until the connection is reset; an orderly end is not enough."""
    received = b""
    with connection:
        while True:
            try:
                part = connection.recv(65536)
            except ConnectionResetError:
                return received
            assert part, "the connection was closed, not reset"
            received += part


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        ({"kind": "status", "status": 503}, 503, JSON, '"code": 20504'),
        ({"kind": "status", "status": 500, "when": "after"}, 500, JSON, '"code": 20001'),
        ({"kind": "status", "status": 429, "body": "busy"}, 429, "text/plain; charset=utf-8", "busy"),
        ({"kind": "status", "status": 500, "body": {"errors": ["text"]}}, 500, JSON, '{"errors": ["text"]}'),
        ({"kind": "status", "status": 503, "headers": {"Content-Type": "odd/type"}}, 503, "odd/type", '"code": 20504'),
        ({"kind": "html"}, 200, HTML, "<html>"),
        ({"kind": "html", "status": 502}, 502, HTML, "<html>"),
        ({"kind": "empty"}, 200, JSON, ""),
        ({"kind": "json", "body": [None, 5], "status": 202}, 202, JSON, "[null, 5]"),
        ({"kind": "redirect", "location": "http://example.com/x"}, 302, None, ""),
        ({"kind": "oversize", "bytes": 10}, 200, JSON, '{"sid":""}'),
        ({"kind": "oversize"}, 200, JSON, '{"sid":"' + "x" * (20 * 2**20 - 10) + '"}'),
    ],
    ids=lambda value: str(value)[:80],
)
def test_fault_replaces_one_response(api, simulator, call_sid, was_processed, fault, status, content_type, body):
    simulator.set_faults([fault])
    response = api.stop(call_sid, "a")
    assert (response.status_code, response.headers.get("Content-Type")) == (status, content_type)
    assert body in response.text
    assert (len(response.content) == 0) is (body == "")
    assert response.headers.get("Location") == fault.get("location")
    assert response.headers["X-Request-Id"] == simulator.requests()[-1]["request_id"]
    assert response.headers["X-RateLimit-Remaining"] == "99"
    assert was_processed() is ("when" in fault)
    assert api.stop(call_sid, "a").status_code == 200, "one time is enough unless told otherwise"


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 204}, {"kind": "patch", "set": {"a": 1}}])
def test_response_without_body_stays_without(api, simulator, fault):
    [ended] = simulator.seed(status="completed")
    simulator.set_faults([fault])
    response = api.delete(f"/Calls/{ended['sid']}")
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("fault", [{"kind": "hang"}, {"kind": "slow", "seconds": 3600}, {"kind": "oversize"}])
def test_fault_ends_when_the_client_leaves(api, simulator, call_sid, was_processed, eventually, fault):
    simulator.set_faults([fault])
    with raw(simulator, call_sid) as connection:
        eventually(lambda: simulator.faults()[0]["fired"])
        assert fault["kind"] == "hang" or connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert was_processed() is (fault["kind"] == "slow")
    assert api.stop(call_sid, "a").status_code == 200


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_reset_breaks_the_connection(simulator, call_sid, was_processed, when):
    simulator.set_faults([{"kind": "reset", "when": when}])
    head, _, body = read_to_reset(raw(simulator, call_sid)).partition(b"\r\n\r\n")
    if when == "middle":
        assert head.startswith(b"HTTP/1.1 200")
        [length] = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-len")]
        assert len(body) == length // 2
        assert body.startswith(b'{"sid"')
    else:
        assert head == b""
    assert was_processed() is (when != "before")
    [entry] = simulator.requests()
    assert (entry["status"], entry["fault"]) == (200 if when == "middle" else None, "reset")


@pytest.mark.parametrize("when", ["before", "after"])
def test_hanging_response_comes_after_its_delay(api, simulator, call_sid, was_processed, when):
    simulator.set_faults([{"kind": "hang", "when": when, "seconds": 0.05}])
    began = time.monotonic()
    response = api.stop(call_sid, "a")
    assert time.monotonic() - began >= 0.05
    assert (response.status_code, response.json()["status"]) == (200, "queued")
    assert was_processed()


def test_slow_response_comes_in_parts(simulator, call_sid):
    simulator.set_faults([{"kind": "slow", "seconds": 0.2}])
    began = time.monotonic()
    parts = []
    with raw(simulator, call_sid) as connection:
        while not parts or not parts[-1].endswith(b"}"):
            parts.append(connection.recv(65536))
            assert parts[-1], "the connection was closed too early"
    assert time.monotonic() - began >= 0.2
    assert len(parts) > 5
    assert json.loads(b"".join(parts).partition(b"\r\n\r\n")[2])["status"] == "queued"


def test_truncated_response_is_valid_http_and_half_of_the_json(api, simulator, call_sid, was_processed):
    whole = api.stop(call_sid, "a").content
    simulator.set_faults([{"kind": "truncate"}])
    response = api.stop(call_sid, "a")
    assert (response.status_code, response.content) == (200, whole[: len(whole) // 2])
    assert int(response.headers["Content-Length"]) == len(whole) // 2
    assert was_processed()


def test_patch_changes_only_the_given_keys(api, simulator, call_sid, was_processed):
    simulator.set_faults([{"kind": "patch", "set": {"status": "odd", "new": [1]}, "drop": ["uri", "unknown"]}])
    record = api.stop(call_sid, "a").json()
    assert (record["status"], record["new"], record["call_sid"]) == ("odd", [1], call_sid)
    assert "uri" not in record
    assert was_processed()


def test_request_with_an_incomplete_body_is_not_logged(simulator):
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        connection.sendall(b"POST /api/laml/2010-04-01/Accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        connection.sendall(b"GET /whole HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401")
    assert [entry["path"] for entry in simulator.requests()] == ["/whole"]
