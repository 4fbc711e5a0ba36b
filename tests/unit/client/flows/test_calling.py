"""Commands of the Calling API: what is repeated, and what an error says."""

from __future__ import annotations

import json

import pytest
from scripted import Always, lost, response, run

from airflow_provider_signalwire.client.flows.calling import CallingStreamStart, run_command
from airflow_provider_signalwire.client.protocol.calling import (
    calling_command,
    start_calling_stream,
    stop_calling_stream,
)
from airflow_provider_signalwire.exceptions import (
    SignalWireConfigurationError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
)

CALL = {"id": "call", "status": "answered", "new": [1]}
SECRETS = {"url": "https://u:pass-word@x.example/?k=long-secret-key", "custom_parameters": {"a": ["hidden-value"]}}

WSS = "wss://x.example/?k=long-secret-key"


def errors(code, message="SignalWire says so"):
    return {"errors": [{"type": "validation_error", "code": code, "message": message, "url": "https://x.example"}]}


def send(*script, command="calling.play", **params):
    return run(run_command(calling_command(command, "call", params)), *script)


def test_command_is_sent_as_json_and_returns_the_call():
    outcome = send(response(200, CALL), volume=1.5)
    assert outcome.result.record == CALL
    [request] = outcome.requests
    assert (request.method, request.target, request.content_type) == ("POST", "/api/calling/calls", "application/json")
    assert json.loads(request.body) == {"command": "calling.play", "id": "call", "params": {"volume": 1.5}}


@pytest.mark.parametrize("command", ["dial", "update"])
def test_command_about_no_call_needs_no_id(command):
    assert "id" not in calling_command(command, None, {}).json
    with pytest.raises(SignalWireConfigurationError, match="'call_id'"):
        calling_command("calling.end", None)


@pytest.mark.parametrize("params", ["x", [1], {"a": object()}, {"a": float("nan")}, {1: object()}])
def test_parameters_must_be_json(params):
    with pytest.raises(SignalWireConfigurationError, match="'params' is not a JSON object"):
        calling_command("calling.play", "call", params)


@pytest.mark.parametrize("first", [lost(), response(503), response(500, {"error": "Internal Server Error"})])
def test_command_that_may_have_been_processed_is_repeated_only_if_it_stops_something(first):
    outcome = send(first)
    assert "may have been processed, so it was not repeated" in str(outcome.error)
    for command in ("calling.play.stop", "calling.end"):
        assert send(first, response(200, CALL), command=command).result.record == CALL


@pytest.mark.parametrize(
    ("status", "body", "error_class", "text"),
    [
        (400, {"error": "Bad Request"}, SignalWireRequestError, "400 Bad Request: Bad Request."),
        (404, {"error": "Not Found"}, SignalWireNotFoundError, "Check the call's id"),
        (422, errors("invalid_state"), SignalWireRequestError, "code invalid_state: SignalWire says so."),
        (422, errors("invalid_call_id_passed"), SignalWireRequestError, "made by the Compatibility API"),
        (200, {"id": "call"}, SignalWireResponseError, "'status' is not a non-empty string"),
    ],
)
def test_error_becomes_the_same_exception_with_its_text_code(status, body, error_class, text):
    assert text in str(send(response(status, body)).expect(error_class))


def test_rate_limit_in_a_422_is_repeated():
    outcome = send(response(422, errors("rate_limit_exceeded")), response(200, CALL))
    assert outcome.result.record == CALL
    limited = send(Always(response(422, errors("rate_limit_exceeded")))).expect(SignalWireRateLimitError)
    assert (limited.code, limited.outcome) == ("rate_limit_exceeded", "not_processed")
    assert "may have been processed" not in str(limited)


def test_error_that_quotes_the_request_shows_no_secret():
    quoted = "hidden-value pass-word long-secret-key +15550100001 and 4711"
    outcome = send(response(422, errors("invalid_parameter", quoted)), **SECRETS, to="4711")
    message = str(outcome.expect(SignalWireRequestError))
    for secret in quoted.split(" and ")[0].split():
        assert secret not in message
    assert "4711" not in message


@pytest.mark.parametrize(("script", "was_accepted", "seconds"), [([], False, 1.5), ([response(200, CALL)], True, 0.5)])
def test_refused_stop_is_repeated_while_there_is_time(script, was_accepted, seconds):
    stop = stop_calling_stream("call", "control")
    one = CallingStreamStart(stop, stop, call_id="call", control_id="control")
    assert stop.json == {"command": "calling.stream.stop", "id": "call", "params": {"control_id": "control"}}
    outcome = run(one.stop(seconds=2), response(404), *(script or [Always(response(404))]))
    assert (outcome.result, outcome.elapsed) == (was_accepted, seconds)


def test_stop_that_quotes_the_start_shows_no_secret():
    start = start_calling_stream("call", "control", authorization_bearer_token="bearer-value", **SECRETS | {"url": WSS})
    one = CallingStreamStart(start, stop_calling_stream("call", "control"), call_id="call", control_id="control")
    quoted = "hidden-value long-secret-key bearer-value"
    message = str(run(one.run(), lost(), response(403, errors("refused", quoted))).error)
    assert "The attempt to stop it failed" in message
    assert not [secret for secret in quoted.split() if secret in message]


def test_request_shows_no_secret():
    request = start_calling_stream("call", "control", url=WSS, custom_parameters={})
    assert "secret" not in repr(request)
    assert request.log_description == "start the stream with the control id 'control' on call 'call'"
