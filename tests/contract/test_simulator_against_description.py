"""The simulator's responses against the description: every status of every operation."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from api_description import SIGNALWIRE, assert_described, operation, operations
from simulated_api import NEW_CALL, NEW_STREAM

ACCOUNT = "/Accounts/{Sid}"
CALLS = "/Accounts/{AccountSid}/Calls"
CALL = f"{CALLS}/{{Sid}}"
STREAMS = f"{CALLS}/{{CallSid}}/Streams"
STREAM = f"{STREAMS}/{{Sid}}"
RECORDINGS = f"{CALLS}/{{CallSid}}/Recordings"
RECORDING = f"{RECORDINGS}/{{Sid}}"
CONFERENCES = "/Accounts/{AccountSid}/Conferences"
CONFERENCE_STREAMS = f"{CONFERENCES}/{{ConferenceSid}}/Streams"
CONFERENCE_STREAM = f"{CONFERENCE_STREAMS}/{{Sid}}"
COMMANDS = "/api/calling/calls"
NOT_JSON = {"data": "{", "headers": {"Content-Type": "application/json"}}

# What each form needs to be accepted.
FORMS: dict[str, dict[str, str]] = {
    CALLS: NEW_CALL,
    CALL: {"Status": "completed"},
    STREAMS: NEW_STREAM,
    STREAM: {"Status": "stopped"},
    RECORDINGS: {},
    RECORDING: {"Status": "paused"},
    CONFERENCE_STREAMS: NEW_STREAM | {"StreamCodec": "L16@16000h", "StreamRealTime": "true"},
    CONFERENCE_STREAM: {"Status": "stopped"},
}
# Well-formed requests that cannot be carried out.
UNPROCESSABLE: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", CALLS): {"params": {"StartTime": "soon"}},
    ("POST", CALLS): {"data": NEW_CALL | {"Timeout": "0"}},
    ("POST", CALL): {"data": {"Status": "canceled"}},  # only before it is answered
    ("DELETE", CALL): {},  # only after its end
    ("POST", STREAMS): {"data": NEW_STREAM | {"Url": "ws://media.example.com"}},
    ("POST", STREAM): {"data": {"Status": "paused"}},
    ("POST", RECORDINGS): {"data": {"RecordingTrack": "none"}},
    ("POST", RECORDING): {},
    ("GET", CONFERENCES): {"params": {"Status": "over"}},
    ("POST", CONFERENCE_STREAMS): {"data": NEW_STREAM | {"StreamCodec": "MP3"}},
    ("POST", CONFERENCE_STREAM): {"data": {"Status": "paused"}},
    ("POST", COMMANDS): {"json": {"command": "calling.stream"}},
}


def body_of(api, method, path) -> dict[str, Any]:
    """Return a body that is accepted."""
    if path == COMMANDS:
        return {"json": api.command()}
    return {"data": FORMS.get(path)} if method == "POST" else {}


def refuse(api, method, path, status):
    """Get this status for a request: by what is wrong with it, or else by a fault."""
    sids = api.sids(path)
    options = body_of(api, method, path)
    if status == 400 and method == "POST":
        options = NOT_JSON
    elif status == 400 and path in (CALLS, CONFERENCES):
        options = {"params": {"PageSize": "0"}}
    elif status == 401:
        api.session.auth = (api.server.project, "wrong")
    elif status == 404 and path == COMMANDS:
        options["json"]["id"] = str(uuid.uuid4())
    elif status == 404 and path != ACCOUNT:
        sids[list(sids)[-1]] = "unknown"
    elif status == 422:
        options = UNPROCESSABLE[method, path]
    else:
        api.server.set_faults([{"kind": "status", "status": status}])
    return api.send(method, path.format(**sids), **options)


@pytest.mark.parametrize(("method", "path"), operations(SIGNALWIRE), ids=lambda part: part)
def test_success_is_described(api, method, path):
    address = api.address(path, status="completed" if method == "DELETE" else "in-progress")
    response = api.send(method, address, **body_of(api, method, path))
    assert response.ok, response.text
    assert_described(method, path, response)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (method, path, int(status))
        for method, path in operations(SIGNALWIRE)
        for status in operation(SIGNALWIRE, method, path)["responses"]
        if status >= "400"
    ],
    ids=str,
)
def test_refusal_is_described(api, method, path, status):
    response = refuse(api, method, path, status)
    assert response.status_code == status, response.text
    assert_described(method, path, response)


def test_call_of_every_status_is_described(api):
    for status in SIGNALWIRE["components"]["schemas"]["CallStatus"]["enum"]:
        api.server.seed(status=status, age_seconds=5)
    response = api.send("GET", api.address(CALLS))
    assert len(response.json()["calls"]) == 8
    assert_described("GET", CALLS, response)


def test_page_between_two_others_is_described(api):
    api.server.seed(count=3)
    first = api.send("GET", api.address(CALLS), params={"PageSize": "1", "StartTime>": "2026-01-01"}).json()
    response = api.session.get(api.server.url + first["next_page_uri"], timeout=10)
    assert response.json()["next_page_uri"]
    assert response.json()["previous_page_uri"]
    assert_described("GET", CALLS, response)


@pytest.mark.parametrize(("stop_delay_ms", "status"), [(0, "stopped"), (3_600_000, "queued")])
@pytest.mark.parametrize("path", [STREAM, CONFERENCE_STREAM])
def test_stop_by_name_is_described(api, path, stop_delay_ms, status):
    api.server.reset(stop_delay_ms=stop_delay_ms)
    streams = api.address(path.removesuffix("/{Sid}"))
    api.post(streams, **NEW_STREAM)
    response = api.post(f"{streams}/{NEW_STREAM['Name']}", Status="stopped")
    assert response.json()["status"] == status
    assert_described("POST", path, response)


def test_stop_command_is_described(api):
    start = api.command()
    api.send("POST", COMMANDS, json=start)
    response = api.send(
        "POST", COMMANDS, json={**start, "command": "calling.stream.stop", "params": {"control_id": "control-1"}}
    )
    assert response.status_code == 200
    assert_described("POST", COMMANDS, response)


@pytest.mark.parametrize("patch", [{"set": {"odd": 1}}, {"set": {"sid": "CA1"}}, {"drop": ["status"]}], ids=str)
def test_check_detects_a_response_that_is_not_described(api, patch):
    call = api.address(CALL)
    api.server.set_faults([{"kind": "patch", **patch}])
    with pytest.raises(AssertionError, match=r"\$"):
        assert_described("GET", CALL, api.send("GET", call))
