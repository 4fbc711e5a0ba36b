"""The simulator's answers against the vendor's OpenAPI description: each path served, each documented status.

The description is the vendor's and no part of this project: name your copy in ``SIGNALWIRE_API_DESCRIPTION``.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator

from airflow_provider_signalwire.simulator.server import SimulatorServer

VARIABLE = "SIGNALWIRE_API_DESCRIPTION"

ACCOUNT = "/Accounts/{Sid}"
CALLS = "/Accounts/{AccountSid}/Calls"
CALL = "/Accounts/{AccountSid}/Calls/{Sid}"
STREAMS = "/Accounts/{AccountSid}/Calls/{CallSid}/Streams"
STREAM = "/Accounts/{AccountSid}/Calls/{CallSid}/Streams/{Sid}"
RECORDINGS = "/Accounts/{AccountSid}/Calls/{CallSid}/Recordings"
RECORDING = "/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}"

NEW_CALL = {"To": "+13105550100", "From": "+13105550101", "Url": "http://example.com/voice.xml"}
NEW_STREAM = {"Url": "wss://media.example.com/stream"}

NO_JSON = {"data": "{", "headers": {"Content-Type": "application/json"}}


class World:
    """A simulator, and requests to it by the names of the description's paths."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.auth = (server.project, server.token)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        url = f"{self.server.url}/api/laml/2010-04-01/Accounts/{self.server.project}{path}"
        return self.session.request(method, url, timeout=10, **options)

    def call(self, status: str = "in-progress", **plan: Any) -> str:
        return f"/Calls/{self.server.seed(status=status, **plan)[0]['sid']}"

    def start(self, call: str, kind: str, fields: dict[str, str]) -> str:
        return f"{call}/{kind}/{self.request('POST', f'{call}/{kind}', data=fields).json()['sid']}"

    def stream(self, call: str, **fields: str) -> str:
        return self.start(call, "Streams", NEW_STREAM | fields)

    def recording(self, call: str) -> str:
        return self.start(call, "Recordings", {})

    def ended(self, path: str) -> str:
        """End the call a path leads through."""
        self.server.state.end_call(path.split("/")[2])
        return path

    def refused(self, status: int, method: str, path: str) -> requests.Response:
        """Answer with a status that nothing but a fault brings about."""
        self.server.set_faults([{"kind": "status", "status": status}])
        return self.request(method, path)

    def unauthenticated(self, method: str, path: str) -> requests.Response:
        self.session.auth = (self.server.project, "wrong")
        return self.request(method, path)


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"needs the vendor's API description: set {VARIABLE} to the path of compatibility-api.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), loader)


@pytest.fixture(scope="module")
def server():
    with SimulatorServer() as running:
        yield running


@pytest.fixture
def world(server):
    server.reset(stop_delay_ms=3_600_000)
    world = World(server)
    with world.session:
        yield world


def assert_as_described(description, method: str, path: str, response: requests.Response) -> None:
    answers = description["paths"][path][method.lower()]["responses"]
    answer = answers[str(response.status_code)]
    if "content" not in answer:
        assert response.content == b""
        return
    assert response.headers["Content-Type"].startswith("application/json")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": description["components"],
        **answer["content"]["application/json"]["schema"],
    }
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(response.json())]
    assert not problems, response.text


Act = Callable[[World], requests.Response]

CASES: list[tuple[str, str, int, str, Act]] = [
    ("GET", ACCOUNT, 200, "found", lambda w: w.request("GET", "")),
    ("GET", ACCOUNT, 400, "by fault", lambda w: w.refused(400, "GET", "")),
    ("GET", ACCOUNT, 401, "wrong token", lambda w: w.unauthenticated("GET", "")),
    ("GET", ACCOUNT, 404, "by fault", lambda w: w.refused(404, "GET", "")),
    ("GET", CALLS, 200, "none", lambda w: w.request("GET", "/Calls")),
    ("GET", CALLS, 200, "one of every status", lambda w: _every_status(w)),
    ("GET", CALLS, 200, "a page between two", lambda w: _middle_page(w)),
    ("GET", CALLS, 400, "wrong page size", lambda w: w.request("GET", "/Calls?PageSize=0")),
    ("GET", CALLS, 400, "wrong token", lambda w: w.request("GET", "/Calls?PageToken=X")),
    ("GET", CALLS, 401, "wrong token", lambda w: w.unauthenticated("GET", "/Calls")),
    ("GET", CALLS, 422, "wrong date", lambda w: w.request("GET", "/Calls?StartTime=soon")),
    ("POST", CALLS, 200, "placed", lambda w: w.request("POST", "/Calls", data=NEW_CALL)),
    ("POST", CALLS, 200, "placed in JSON", lambda w: w.request("POST", "/Calls", json=NEW_CALL)),
    ("POST", CALLS, 400, "nothing given", lambda w: w.request("POST", "/Calls")),
    ("POST", CALLS, 400, "no JSON", lambda w: w.request("POST", "/Calls", **NO_JSON)),
    ("POST", CALLS, 401, "wrong token", lambda w: w.unauthenticated("POST", "/Calls")),
    (
        "POST",
        CALLS,
        422,
        "wrong field",
        lambda w: w.request("POST", "/Calls", data=NEW_CALL | {"Timeout": "0"}),
    ),
    ("GET", CALL, 200, "in progress", lambda w: w.request("GET", w.call(to="sip:a@example.com"))),
    ("GET", CALL, 200, "ended", lambda w: w.request("GET", w.call("completed", age_seconds=60))),
    ("GET", CALL, 400, "by fault", lambda w: w.refused(400, "GET", w.call())),
    ("GET", CALL, 401, "wrong token", lambda w: w.unauthenticated("GET", w.call())),
    ("GET", CALL, 404, "unknown", lambda w: w.request("GET", "/Calls/unknown")),
    ("POST", CALL, 200, "hung up", lambda w: w.request("POST", w.call(), data={"Status": "completed"})),
    (
        "POST",
        CALL,
        200,
        "canceled",
        lambda w: w.request("POST", w.call("queued"), data={"Status": "canceled"}),
    ),
    (
        "POST",
        CALL,
        400,
        "ended already",
        lambda w: w.request("POST", w.call("busy"), data={"Status": "completed"}),
    ),
    ("POST", CALL, 401, "wrong token", lambda w: w.unauthenticated("POST", w.call())),
    ("POST", CALL, 404, "unknown", lambda w: w.request("POST", "/Calls/unknown")),
    (
        "POST",
        CALL,
        422,
        "too late to cancel",
        lambda w: w.request("POST", w.call(), data={"Status": "canceled"}),
    ),
    ("POST", CALL, 503, "by fault", lambda w: w.refused(503, "POST", w.call())),
    ("DELETE", CALL, 204, "deleted", lambda w: w.request("DELETE", w.call("failed"))),
    ("DELETE", CALL, 400, "by fault", lambda w: w.refused(400, "DELETE", w.call())),
    ("DELETE", CALL, 401, "wrong token", lambda w: w.unauthenticated("DELETE", w.call())),
    ("DELETE", CALL, 404, "unknown", lambda w: w.request("DELETE", "/Calls/unknown")),
    ("DELETE", CALL, 422, "in progress", lambda w: w.request("DELETE", w.call())),
    ("POST", STREAMS, 200, "started", lambda w: w.request("POST", f"{w.call()}/Streams", data=NEW_STREAM)),
    ("POST", STREAMS, 400, "no JSON", lambda w: w.request("POST", f"{w.call()}/Streams", **NO_JSON)),
    ("POST", STREAMS, 401, "wrong token", lambda w: w.unauthenticated("POST", f"{w.call()}/Streams")),
    (
        "POST",
        STREAMS,
        404,
        "unknown call",
        lambda w: w.request("POST", "/Calls/unknown/Streams", data=NEW_STREAM),
    ),
    ("POST", STREAMS, 422, "no URL", lambda w: w.request("POST", f"{w.call()}/Streams")),
    (
        "POST",
        STREAMS,
        422,
        "not wss",
        lambda w: w.request("POST", f"{w.call()}/Streams", data={"Url": "ws://x"}),
    ),
    (
        "POST",
        STREAMS,
        422,
        "call ended",
        lambda w: w.request("POST", f"{w.call('completed')}/Streams", data=NEW_STREAM),
    ),
    ("POST", STREAMS, 503, "by fault", lambda w: w.refused(503, "POST", f"{w.call()}/Streams")),
    (
        "POST",
        STREAM,
        200,
        "stopping",
        lambda w: w.request("POST", w.stream(w.call()), data={"Status": "stopped"}),
    ),
    ("POST", STREAM, 200, "stopped at once", lambda w: _stopped_at_once(w)),
    ("POST", STREAM, 200, "stopped by name", lambda w: _stopped_by_name(w)),
    ("POST", STREAM, 400, "no JSON", lambda w: w.request("POST", w.stream(w.call()), **NO_JSON)),
    ("POST", STREAM, 401, "wrong token", lambda w: w.unauthenticated("POST", w.stream(w.call()))),
    (
        "POST",
        STREAM,
        404,
        "unknown",
        lambda w: w.request("POST", f"{w.call()}/Streams/x", data={"Status": "stopped"}),
    ),
    (
        "POST",
        STREAM,
        422,
        "wrong status",
        lambda w: w.request("POST", w.stream(w.call()), data={"Status": "x"}),
    ),
    (
        "POST",
        STREAM,
        422,
        "call ended",
        lambda w: w.request("POST", w.ended(w.stream(w.call())), data={"Status": "stopped"}),
    ),
    ("POST", STREAM, 503, "by fault", lambda w: w.refused(503, "POST", w.stream(w.call()))),
    ("POST", RECORDINGS, 200, "started", lambda w: w.request("POST", f"{w.call()}/Recordings")),
    ("POST", RECORDINGS, 400, "no JSON", lambda w: w.request("POST", f"{w.call()}/Recordings", **NO_JSON)),
    ("POST", RECORDINGS, 401, "wrong token", lambda w: w.unauthenticated("POST", f"{w.call()}/Recordings")),
    ("POST", RECORDINGS, 404, "unknown call", lambda w: w.request("POST", "/Calls/unknown/Recordings")),
    ("POST", RECORDINGS, 422, "call ended", lambda w: w.request("POST", f"{w.call('busy')}/Recordings")),
    ("POST", RECORDINGS, 503, "by fault", lambda w: w.refused(503, "POST", f"{w.call()}/Recordings")),
    (
        "POST",
        RECORDING,
        200,
        "paused",
        lambda w: w.request("POST", w.recording(w.call()), data={"Status": "paused"}),
    ),
    (
        "POST",
        RECORDING,
        200,
        "stopped",
        lambda w: w.request("POST", w.recording(w.call()), data={"Status": "stopped"}),
    ),
    ("POST", RECORDING, 400, "no JSON", lambda w: w.request("POST", w.recording(w.call()), **NO_JSON)),
    ("POST", RECORDING, 401, "wrong token", lambda w: w.unauthenticated("POST", w.recording(w.call()))),
    ("POST", RECORDING, 404, "unknown", lambda w: w.request("POST", f"{w.call()}/Recordings/x")),
    ("POST", RECORDING, 422, "no status", lambda w: w.request("POST", w.recording(w.call()))),
    ("POST", RECORDING, 503, "by fault", lambda w: w.refused(503, "POST", w.recording(w.call()))),
]


def _every_status(world: World) -> requests.Response:
    for status in (
        "queued",
        "ringing",
        "in-progress",
        "completed",
        "canceled",
        "busy",
        "failed",
        "no-answer",
    ):
        world.server.seed(status=status, age_seconds=5)
    response = world.request("GET", "/Calls")
    assert len(response.json()["calls"]) == 8
    return response


def _middle_page(world: World) -> requests.Response:
    world.server.seed(count=3)
    first = world.request("GET", "/Calls?PageSize=1").json()
    response = world.session.get(world.server.url + first["next_page_uri"], timeout=10)
    assert response.json()["next_page_uri"]
    assert response.json()["previous_page_uri"]
    return response


def _stopped_at_once(world: World) -> requests.Response:
    world.server.reset(stop_delay_ms=0)
    response = world.request("POST", world.stream(world.call()), data={"Status": "stopped"})
    assert response.json()["status"] == "stopped"
    return response


def _stopped_by_name(world: World) -> requests.Response:
    stream = world.stream(world.call(), Name="first")
    by_name = stream.rpartition("/")[0] + "/first"
    return world.request("POST", by_name, data={"Status": "stopped"})


@pytest.mark.parametrize(
    ("method", "path", "status", "act"),
    [pytest.param(*case[:3], case[4], id=f"{case[0]} {case[1]} {case[2]} {case[3]}") for case in CASES],
)
def test_an_answer_is_as_described(description, world, method, path, status, act):
    response = act(world)
    assert response.status_code == status, response.text
    assert_as_described(description, method, path, response)


def test_no_documented_answer_is_left_out(description):
    documented = {
        (method.upper(), path, int(status))
        for path in (ACCOUNT, CALLS, CALL, STREAMS, STREAM, RECORDINGS, RECORDING)
        for method, operation in description["paths"][path].items()
        if (method, path) != ("post", ACCOUNT)  # renaming a project is not simulated
        for status in operation["responses"]
    }
    assert documented == {case[:3] for case in CASES}


def test_the_check_itself_refuses_what_is_not_described(description, world):
    """A key too many, a SID that is no UUID: both must be noticed, or the tests above prove nothing."""
    call = world.call()
    for patch in ({"set": {"odd": 1}}, {"set": {"sid": "CA1"}}, {"drop": ["status"]}):
        world.server.set_faults([{"kind": "patch", **patch}])
        with pytest.raises(AssertionError, match=r"\$"):
            assert_as_described(description, "GET", CALL, world.request("GET", call))
