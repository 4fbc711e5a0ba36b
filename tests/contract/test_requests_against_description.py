"""Every request the client builds against the vendor's OpenAPI description: path, method, query and form.

The description is the vendor's and no part of this project: name your copy in ``SIGNALWIRE_API_DESCRIPTION``.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_provider_signalwire.client.protocol import endpoints, options
from airflow_provider_signalwire.client.protocol.records import API_ROOT, CALL_STATUSES

VARIABLE = "SIGNALWIRE_API_DESCRIPTION"
ACCOUNT_SID = "b08dacad-0000-4000-8000-000000000001"
CALL_SID = "b08dacad-0000-4000-8000-000000000002"
OTHER_SID = "b08dacad-0000-4000-8000-000000000003"
CALL = (ACCOUNT_SID, CALL_SID)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

EVERY_RECORDING_OPTION: dict[str, Any] = {
    "recording_channels": "dual",
    "recording_status_callback": "https://example.com/recordings",
    "recording_status_callback_event": "completed",
    "recording_status_callback_method": "POST",
    "recording_track": "both",
    "trim": "do-not-trim",
}
EVERY_UPDATE_OPTION: dict[str, Any] = {
    "url": "https://example.com/answer.xml",
    "method": "GET",
    "status": "completed",
    "fallback_url": "https://example.com/fallback.xml",
    "fallback_method": "POST",
    "status_callback": "https://example.com/calls",
    "status_callback_method": "POST",
}
EVERY_CREATE_OPTION: dict[str, Any] = {
    **{name: value for name, value in EVERY_UPDATE_OPTION.items() if name != "status"},
    **EVERY_RECORDING_OPTION,
    "application_sid": OTHER_SID,
    "status_callback_event": ["initiated", "completed"],
    "caller_id": "+15550100003",
    "send_digits": "wW12#*",
    "timeout": 60,
    "machine_detection": "Enable",
    "machine_detection_timeout": 30,
    "machine_detection_speech_threshold": 2400,
    "machine_detection_speech_end_threshold": 1200,
    "machine_detection_silence_timeout": 5000,
    "machine_words_threshold": 6,
    "async_amd": True,
    "async_amd_status_callback": "https://example.com/amd",
    "async_amd_status_callback_method": "POST",
    "async_amd_partial_results": False,
    "record": True,
    "sip_auth_username": "user",
    "sip_auth_password": "password",
    "max_price_per_minute": "0.05",
}
EVERY_FILTER: dict[str, Any] = {
    "status": "in-progress",
    "to": "+15550100001",
    "from_": "+15550100002",
    "parent_call_sid": OTHER_SID,
    "started_before": MOMENT,
    "started_after": MOMENT,
    "ended_before": MOMENT,
    "ended_after": MOMENT,
    "page_size": 1000,
}
EVERY_STREAM_OPTION: dict[str, Any] = {
    "track": "both_tracks",
    "status_callback": "https://example.com/streams",
    "status_callback_method": "POST",
    "parameters": {f"name {number}": f"value {number}" for number in range(1, 100)},
    "authorization_bearer_token": "token",
}
STREAM = {"url": "wss://media.example.com/audio", "name": "agent"}

REQUESTS = {
    "get account": endpoints.get_account(ACCOUNT_SID),
    "create call": endpoints.create_call(ACCOUNT_SID, to="+1555", from_="+1556"),
    "create call, every option": endpoints.create_call(ACCOUNT_SID, to="+1555", from_="+1556", **EVERY_CREATE_OPTION),
    "get call": endpoints.get_call(*CALL),
    "update call": endpoints.update_call(*CALL, **EVERY_UPDATE_OPTION),
    "cancel call": endpoints.update_call(*CALL, status="canceled"),
    "delete call": endpoints.delete_call(*CALL),
    "list calls": endpoints.list_calls(ACCOUNT_SID),
    "list calls, every filter": endpoints.list_calls(ACCOUNT_SID, **EVERY_FILTER),
    "start recording": endpoints.start_call_recording(*CALL),
    "start recording, every option": endpoints.start_call_recording(*CALL, **EVERY_RECORDING_OPTION),
    "start stream": endpoints.start_call_stream(*CALL, **STREAM),
    "start stream, every option": endpoints.start_call_stream(*CALL, **STREAM, **EVERY_STREAM_OPTION),
    "stop stream": endpoints.stop_call_stream(*CALL, OTHER_SID),
    **{
        f"list calls that are {status}": endpoints.list_calls(ACCOUNT_SID, status=status)
        for status in sorted(CALL_STATUSES)
    },
    **{
        f"start stream, {track}": endpoints.start_call_stream(*CALL, **STREAM, track=track)
        for track in sorted(endpoints.STREAM_TRACKS)
    },
    **{
        f"recording {status}, {behavior}": endpoints.update_call_recording(
            *CALL, OTHER_SID, status=status, pause_behavior=behavior
        )
        for status in ("paused", "in-progress", "stopped")
        for behavior in (None, "skip", "silence")
    },
}
each_request = pytest.mark.parametrize("request_built", REQUESTS.values(), ids=REQUESTS)


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"needs the vendor's API description: set {VARIABLE} to the path of compatibility-api.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(Path(path).read_text(encoding="utf-8"), loader)


def described(description, request):
    """Return the operation a request is described as, and the values of its path's parameters."""
    for template, operations in description["paths"].items():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        match = re.fullmatch(pattern, request.path.removeprefix(API_ROOT))
        if match and request.method.lower() in operations:
            return operations[request.method.lower()], match.groupdict()
    pytest.fail(f"{request.method} {request.path} is not described")


def problems(description, schema, value):
    whole = {"components": description["components"], **schema}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(description, node):
    while "$ref" in node:
        target = description
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def typed(schema, fields):
    """Return a form as the object it stands for: a form carries nothing but text."""
    value: dict[str, Any] = {}
    for name, text in fields:
        kind = schema["properties"].get(name, {}).get("type")
        if kind == "array":
            value.setdefault(name, []).append(text)
            continue
        assert name not in value, f"{name} is sent twice"
        value[name] = {"integer": int, "boolean": {"true": True, "false": False}.__getitem__}.get(kind, str)(text)
    return value


def with_numbered_parameters(schema):
    """The description spells out Parameter1 and Parameter2, and says in words that they go on to 99."""
    text = schema["properties"]["Parameter1.Name"]
    numbered = {f"Parameter{number}.{part}": text for number in range(1, 100) for part in ("Name", "Value")}
    return {**schema, "properties": {**schema["properties"], **numbered}}


@each_request
def test_a_path_is_described(description, request_built):
    operation, values = described(description, request_built)
    parameters = [resolved(description, parameter) for parameter in operation["parameters"]]
    in_path = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "path"}
    assert set(values) == set(in_path)
    for name, value in values.items():
        assert not problems(description, in_path[name]["schema"], value)


@each_request
def test_a_query_is_described(description, request_built):
    operation, _ = described(description, request_built)
    parameters = [resolved(description, parameter) for parameter in operation["parameters"]]
    in_query = {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}
    for name, value in typed({"properties": in_query}, request_built.query).items():
        assert not problems(description, in_query[name], value), name
    assert not urlsplit(request_built.path).query


@each_request
def test_a_form_is_described(description, request_built):
    operation, _ = described(description, request_built)
    if "requestBody" not in operation:
        assert request_built.form == ()
        return
    content = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
    schema = resolved(description, content["schema"])
    if "Parameter1.Name" in schema["properties"]:
        schema = with_numbered_parameters(schema)
    assert not problems(description, schema, typed(schema, request_built.form))


@pytest.mark.parametrize(
    ("operation", "known"),
    [
        ("CreateCallRequest", EVERY_CREATE_OPTION.keys() | {"to", "from"}),
        ("UpdateCallRequest", EVERY_UPDATE_OPTION.keys()),
        ("CreateCallRecordingRequest", EVERY_RECORDING_OPTION.keys()),
    ],
)
def test_no_documented_field_is_left_out(description, operation, known):
    fields = description["components"]["schemas"][operation]["properties"]
    assert {re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower() for field in fields} == set(known)


@pytest.mark.parametrize(
    ("known", "tried"),
    [
        (options.CreateCallOptions, EVERY_CREATE_OPTION),
        (options.UpdateCallOptions, EVERY_UPDATE_OPTION),
        (options.StartRecordingOptions, EVERY_RECORDING_OPTION),
    ],
)
def test_no_option_is_left_untried(known, tried):
    assert set(known.__annotations__) == set(tried)


def test_no_endpoint_is_left_untried():
    built = {
        name for name in vars(endpoints) if name.endswith(("_call", "_calls", "_stream", "_recording", "_account"))
    }
    assert {name for name in built if not name.startswith("_")} - {"next_page_of_calls"} == {
        "get_account",
        "create_call",
        "get_call",
        "update_call",
        "delete_call",
        "list_calls",
        "start_call_recording",
        "update_call_recording",
        "start_call_stream",
        "stop_call_stream",
    }


def test_the_check_itself_refuses_what_is_not_described(description):
    """Else the tests above would prove nothing."""
    schema = resolved(description, {"$ref": "#/components/schemas/CreateCallStreamRequest"})
    assert problems(description, schema, {"Url": "wss://x", "Odd": "1"})
    assert problems(description, schema, {"Name": "x"})
    assert problems(description, schema, {"Url": "wss://x", "Track": "all"})
    assert problems(description, with_numbered_parameters(schema), {"Url": "wss://x", "Parameter100.Name": "x"})
