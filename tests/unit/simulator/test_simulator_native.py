"""The native engine: commands on calls that the Compatibility API does not know."""

from __future__ import annotations

import pytest

PARAMS = {"control_id": "control-1", "url": "wss://media.example.com/stream"}


@pytest.fixture
def call_id(simulator):
    return simulator.seed_native_calls()[0]["sid"]


@pytest.fixture
def command(api):
    def send(command, call_id, **params):
        body = {"command": command, "id": call_id, "params": params}
        return api.post(f"{api.server.url}/api/calling/calls", json=body)

    return send


def stream_status(simulator):
    [stream] = simulator.state.snapshot()["streams"]
    return stream["status"]


def assert_refused(response, code, attribute=None):
    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert (error["code"], error.get("attribute")) == (code, attribute)


def test_commands_start_and_stop_a_stream_and_return_the_call(command, simulator, clock, call_id):
    started = command("calling.stream", call_id, **PARAMS)
    assert started.status_code == 200
    call = started.json()
    assert (call["id"], call["status"], call["created_at"]) == (call_id, "answered", "2023-11-14T22:13:20Z")
    [stream] = simulator.state.snapshot()["streams"]
    assert (stream["call_id"], stream["sid"], stream["track"]) == (call_id, "control-1", "inbound_track")
    assert stream_status(simulator) == "in-progress"
    [shown] = simulator.state.snapshot()["native_calls"]
    assert shown.items() >= {"sid": call_id, "status": "answered", "to": call["to"], "from": call["from"]}.items()
    assert command("calling.stream.stop", call_id, control_id="control-1").json() == call
    assert stream_status(simulator) == "queued"
    clock.advance(0.5)
    assert stream_status(simulator) == "stopped"
    assert command("calling.stream.stop", call_id, control_id="control-1").status_code == 200


def test_control_id_is_taken_while_its_stream_is_active(command, simulator, clock, call_id):
    command("calling.stream", call_id, **PARAMS)
    assert_refused(command("calling.stream", call_id, **PARAMS), "cannot_process", "control_id")
    command("calling.stream.stop", call_id, control_id="control-1")
    clock.advance(0.5)
    assert command("calling.stream", call_id, **PARAMS).status_code == 200
    assert stream_status(simulator) == "in-progress"


def test_calls_and_conferences_of_both_engines_are_kept_apart(command, api, simulator, call_sid, call_id):
    [conference] = simulator.seed_conferences()
    assert_refused(command("calling.stream", call_sid, **PARAMS), "invalid_call_id_passed", "id")
    for path in (f"/Calls/{call_id}", f"/Calls/{conference['sid']}", f"/Conferences/{call_sid}"):
        assert api.get(path).status_code == 404
        assert api.post(f"{path}/Streams", data={"Url": PARAMS["url"]}).status_code == 404
    assert [call["sid"] for call in api.get("/Calls").json()["calls"]] == [call_sid]


@pytest.mark.parametrize("status", ["ringing", "ended"])
def test_call_that_is_not_answered_is_refused(command, simulator, status):
    [call] = simulator.seed_native_calls(status=status)
    assert_refused(command("calling.stream", call["sid"], **PARAMS), "invalid_state")


@pytest.mark.parametrize(
    ("name", "params", "code", "attribute"),
    [
        ("stream", {"control_id": "a"}, "missing_required_parameter", "url"),
        ("stream", {"url": PARAMS["url"]}, "missing_required_parameter", "control_id"),
        ("stream", PARAMS | {"url": "ws://media.example.com"}, "invalid_parameter", "url"),
        ("stream", PARAMS | {"track": "all"}, "invalid_parameter", "track"),
        ("stream", PARAMS | {"status_url": "nowhere"}, "invalid_parameter", "status_url"),
        ("stream", PARAMS | {"odd": 1}, "invalid_parameter", "odd"),
        ("stream.stop", {"control_id": "other"}, "provided_id_is_unrecognized", "control_id"),
        ("dance", {}, "invalid_parameter", "command"),
    ],
)
def test_invalid_command_is_refused(command, call_id, name, params, code, attribute):
    assert_refused(command(f"calling.{name}", call_id, **params), code, attribute)


def test_other_errors_name_their_status(command, api, simulator, call_id):
    url = f"{api.server.url}/api/calling/calls"
    unknown = command("calling.stream", "3fa85f64-5717-4562-b3fc-2c963f66afa6", **PARAMS)
    malformed, no_object = (api.post(url, data=body) for body in ("{", "[]"))
    simulator.set_faults([{"kind": "status", "status": 599}])
    without_phrase = api.post(url)
    api.auth = (simulator.project, "wrong")
    responses = [unknown, malformed, no_object, without_phrase, api.post(url)]
    assert [(response.status_code, response.json()) for response in responses] == [
        (404, {"error": "Not Found"}),
        (400, {"error": "Bad Request"}),
        (400, {"error": "Bad Request"}),
        (599, {"error": "Unknown"}),
        (401, {"error": "Unauthorized"}),
    ]


def test_commands_are_logged_without_secrets_and_affected_by_faults(command, simulator, call_id):
    simulator.set_faults([{"kind": "status", "status": 429, "match": {"path": "/api/calling/calls"}}])
    response = command("calling.stream", call_id, **PARAMS, authorization_bearer_token="hidden")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (429, "rate_limit_exceeded")
    [request] = simulator.requests("/calling/")
    assert request["form"]["params"] == {**PARAMS, "authorization_bearer_token": "redacted"}
    assert request["fault"] == "status"
