"""Requests to the `Calling API <https://signalwire.com/docs/apis/calling>`__, which has one endpoint for all commands.

A 200 means that the command was accepted, and returns the call. No state of a stream can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from airflow_provider_signalwire.client.protocol.options import Options, given_fields
from airflow_provider_signalwire.client.protocol.records import CallingCallRecord, calling_call_record
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.stream_endpoints import CALLBACK_METHODS, STREAM_TRACKS
from airflow_provider_signalwire.client.protocol.validation import (
    validate_choice,
    validate_sid,
    validate_text,
    validate_url,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

START_STREAM = "calling.stream"
STOP_STREAM = "calling.stream.stop"

_PATH = "/api/calling/calls"
# These name no call, or name it in their parameters.
_COMMANDS_WITHOUT_CALL = frozenset({"dial", "update"})
_COUNTERPARTS = {
    START_STREAM: "use StartCallStreamOperator",
    STOP_STREAM: "use StopCallStreamOperator",
    "calling.end": 'use UpdateCallOperator with status="completed"',
}


@clears_locals
def calling_command(
    command: str, call_id: str | None, params: Mapping[str, Any] | None = None
) -> ApiRequest[CallingCallRecord]:
    """Send a command. Only commands that stop or end something are safe to repeat."""
    command = validate_text("command", command)
    body: dict[str, Any] = {"command": command}
    if call_id is not None or command not in _COMMANDS_WITHOUT_CALL:
        body["id"] = validate_sid("call_id", call_id)
    body["params"] = _valid_params(params or {})
    on_call = f" to call {call_id!r}" if call_id is not None else ""
    return ApiRequest(
        operation="calling_command",
        method="POST",
        path=_PATH,
        description=f"send {command!r}{on_call}",
        read_record=calling_call_record,
        json=body,
        advice=_advice(command),
        safe_to_repeat=command.endswith(".stop") or command == "calling.end",
    )


@clears_locals
def start_calling_stream(
    call_id: str,
    control_id: str,
    *,
    url: str,
    name: str | None = None,
    codec: str | None = None,
    track: str | None = None,
    status_url: str | None = None,
    status_url_method: str | None = None,
    custom_parameters: Mapping[str, Any] | None = None,
    authorization_bearer_token: str | None = None,
) -> ApiRequest[CallingCallRecord]:
    """Start a media stream under a control id, by which it can be stopped. It is not safe to repeat."""
    method = partial(validate_choice, allowed=CALLBACK_METHODS)
    token = partial(validate_text, may_be_secret=True)
    options: Options = (
        ("name", "name", name, validate_text),
        ("codec", "codec", codec, validate_text),
        ("track", "track", track, partial(validate_choice, allowed=STREAM_TRACKS)),
        ("status_url", "status_url", status_url, partial(validate_url, schemes=("https", "http"))),
        ("status_url_method", "status_url_method", status_url_method, method),
        ("authorization_bearer_token", "authorization_bearer_token", authorization_bearer_token, token),
    )
    params = {
        "control_id": validate_sid("control_id", control_id),
        "url": validate_url("url", url, schemes=("wss",)),
        **dict(given_fields(options)),
        **({} if custom_parameters is None else {"custom_parameters": custom_parameters}),
    }
    return replace(
        calling_command(START_STREAM, call_id, params),
        operation="start_calling_stream",
        description=f"start the stream with the control id {control_id!r} on call {call_id!r}",
    )


@clears_locals
def stop_calling_stream(call_id: str, control_id: str) -> ApiRequest[CallingCallRecord]:
    """Stop the media stream of a control id."""
    return replace(
        calling_command(STOP_STREAM, call_id, {"control_id": validate_sid("control_id", control_id)}),
        operation="stop_calling_stream",
        description=f"stop the stream with the control id {control_id!r} on call {call_id!r}",
    )


def _valid_params(params: object) -> Mapping[str, Any]:
    try:
        if isinstance(params, Mapping):
            json.dumps(params, allow_nan=False)
            return params
    except (TypeError, ValueError):
        pass
    raise SignalWireConfigurationError("Parameter 'params' is not a JSON object: expected a mapping of JSON values.")


def _advice(command: str) -> dict[int | str, str]:
    counterpart = _COUNTERPARTS.get(command, "use SignalWireHook's methods for calls")
    return {
        "invalid_call_id_passed": f"If this call was made by the Compatibility API (cXML), {counterpart}.",
        404: "Check the call's id, and that it belongs to the connection's project.",
    }
