"""Every request that the client builds, as it is sent, against the description: path, query and form."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from api_description import SIGNALWIRE, form_schema, full_path, operation, operations, parameters, problems

from airflow_provider_signalwire.client.protocol import calling, endpoints, stream_endpoints, stream_parents
from airflow_provider_signalwire.client.protocol.records import CALL_STATUSES, CONFERENCE_STATUSES
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ACCOUNT = ("b08dacad-0000-4000-8000-000000000001",)
CALL = (*ACCOUNT, "b08dacad-0000-4000-8000-000000000002")
OTHER_SID = "b08dacad-0000-4000-8000-000000000003"
PART_OF_CALL = (*CALL, OTHER_SID)
NUMBERS = {"to": "+15550100001", "from_": "+15550100002"}
STREAM = {"url": "wss://media.example.com/audio", "name": "agent"}
CONFERENCE = (*ACCOUNT, "b08dacad-0000-4000-8000-000000000004")
PART_OF_CONFERENCE = (*CONFERENCE, OTHER_SID)
DAY = date(2026, 1, 2)
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

RECORDING_OPTIONS: dict[str, Any] = {
    "recording_channels": "dual",
    "recording_status_callback": "https://example.com/recordings",
    "recording_status_callback_event": "completed",
    "recording_status_callback_method": "POST",
    "recording_track": "both",
    "trim": "do-not-trim",
}
INSTRUCTIONS: dict[str, Any] = {
    "url": "https://example.com/answer.xml",
    "method": "GET",
    "fallback_url": "https://example.com/fallback.xml",
    "fallback_method": "POST",
    "status_callback": "https://example.com/calls",
    "status_callback_method": "POST",
}
CREATE_OPTIONS: dict[str, Any] = {
    **INSTRUCTIONS,
    **RECORDING_OPTIONS,
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
FILTERS: dict[str, Any] = {
    **NUMBERS,
    "parent_call_sid": OTHER_SID,
    "started_before": TIME,
    "started_after": TIME,
    "ended_before": TIME,
    "ended_after": TIME,
    "page_size": 1000,
}
CONFERENCE_FILTERS: dict[str, Any] = {
    "friendly_name": "room",
    "created_before": DAY,
    "created_after": DAY,
    "updated_before": DAY,
    "updated_after": DAY,
    "page_size": 1000,
}
STREAM_OPTIONS: dict[str, Any] = {
    "status_callback": "https://example.com/streams",
    "status_callback_method": "POST",
    "parameters": {f"name {number}": f"value {number}" for number in range(1, 100)},
    "authorization_bearer_token": "token",
}

start_conference_stream = partial(stream_endpoints.start_stream, stream_parents.CONFERENCE)
stop_conference_stream = partial(stream_endpoints.stop_stream, stream_parents.CONFERENCE)

CASES: list[tuple[Any, tuple[str, ...], dict[str, Any]]] = [
    (endpoints.get_account, ACCOUNT, {}),
    (endpoints.create_call, ACCOUNT, NUMBERS),
    (endpoints.create_call, ACCOUNT, NUMBERS | CREATE_OPTIONS),
    (endpoints.get_call, CALL, {}),
    (endpoints.update_call, CALL, INSTRUCTIONS | {"status": "completed"}),
    (endpoints.update_call, CALL, {"status": "canceled"}),
    (endpoints.delete_call, CALL, {}),
    (endpoints.list_calls, ACCOUNT, {}),
    *((endpoints.list_calls, ACCOUNT, FILTERS | {"status": status}) for status in sorted(CALL_STATUSES)),
    (endpoints.start_call_recording, CALL, {}),
    (endpoints.start_call_recording, CALL, RECORDING_OPTIONS),
    *(
        (endpoints.update_call_recording, PART_OF_CALL, {"status": status, "pause_behavior": behavior})
        for status, behavior in (("paused", "skip"), ("paused", "silence"), ("in-progress", None), ("stopped", None))
    ),
    (endpoints.start_call_stream, CALL, STREAM),
    *(
        (endpoints.start_call_stream, CALL, STREAM | STREAM_OPTIONS | {"track": track})
        for track in sorted(stream_endpoints.STREAM_TRACKS)
    ),
    (endpoints.stop_call_stream, PART_OF_CALL, {}),
    (start_conference_stream, CONFERENCE, STREAM),
    *(
        (start_conference_stream, CONFERENCE, STREAM | STREAM_OPTIONS | {"codec": codec, "real_time": True})
        for codec in sorted(stream_endpoints.STREAM_CODECS)
    ),
    (start_conference_stream, CONFERENCE, STREAM | {"track": "both_tracks", "real_time": False}),
    (stop_conference_stream, PART_OF_CONFERENCE, {}),
    (endpoints.get_conference, CONFERENCE, {}),
    (endpoints.list_conferences, ACCOUNT, {}),
    *(
        (endpoints.list_conferences, ACCOUNT, CONFERENCE_FILTERS | {"status": status})
        for status in sorted(CONFERENCE_STATUSES)
    ),
]
REQUESTS = [build(*ids, **options) for build, ids, options in CASES]

COMMAND_PATH = "/api/calling/calls"
NATIVE_STREAM = (CALL[1], "dag.task.0.manual__2026-01-02T03:04:05.678901+00:00")
COMMAND_OPTIONS: dict[str, Any] = {
    "name": "agent",
    "codec": "PCMU",
    "status_url": "https://example.com/streams",
    "status_url_method": "POST",
    "custom_parameters": {"language": "en", "depth": [1, {"a": None}]},
    "authorization_bearer_token": "token",
}
COMMANDS = [
    calling.start_calling_stream(*NATIVE_STREAM, url=STREAM["url"]),
    *(
        calling.start_calling_stream(*NATIVE_STREAM, url=STREAM["url"], track=track, **COMMAND_OPTIONS)
        for track in sorted(stream_endpoints.STREAM_TRACKS)
    ),
    calling.stop_calling_stream(*NATIVE_STREAM),
]

# The client asks for ranges of time, and follows a page's own link to the next one.
UNUSED_FILTERS = {"StartTime", "EndTime", "DateCreated", "DateUpdated", "Page", "PageToken"}


def function_name(build: Callable[..., Any]) -> str:
    return str(getattr(build, "func", build).__name__)  # those for streams are partial: of a call or a conference


def described_operation(request: Any) -> tuple[str, str, dict[str, str]]:
    """Return method and path that describe a request, and the values of the path's parameters."""
    sent = urlsplit(request.target).path
    for method, path in operations(SIGNALWIRE):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(full_path(path)))
        match = re.fullmatch(pattern, sent)
        if match and method == request.method:
            return method, path, {name: unquote(value) for name, value in match.groupdict().items()}
    pytest.fail(f"{request.method} {sent} is not described")


def sent_query(request: Any) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.target).query, keep_blank_values=True, strict_parsing=True)


def sent_form(request: Any) -> list[tuple[str, str]]:
    return parse_qsl((request.body or b"").decode("ascii"), keep_blank_values=True, strict_parsing=True)


def typed(properties: dict[str, Any], fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a form or a query, which carries only strings, as the object it stands for."""
    value: dict[str, Any] = {}
    for name, text in fields:
        kind = properties.get(name, {}).get("type")
        if kind == "array":
            value.setdefault(name, []).append(text)
            continue
        assert name not in value, f"{name} is sent twice"
        value[name] = {"integer": int, "boolean": {"true": True, "false": False}.__getitem__}.get(kind, str)(text)
    return value


@pytest.mark.parametrize("request_sent", REQUESTS, ids=[function_name(build) for build, _, _ in CASES])
def test_request_is_described(request_sent):
    method, path, ids = described_operation(request_sent)
    in_path = parameters(SIGNALWIRE, method, path, "path")
    in_query = parameters(SIGNALWIRE, method, path, "query")
    for name, value in (ids | typed(in_query, sent_query(request_sent))).items():
        assert not problems(SIGNALWIRE, (in_path | in_query)[name], value), name
    schema = form_schema(SIGNALWIRE, method, path)
    if schema is None:
        assert request_sent.body is None
    else:
        assert not problems(SIGNALWIRE, schema, typed(schema["properties"], sent_form(request_sent)))


@pytest.mark.parametrize(
    ("build", "ids", "required"),
    [
        (endpoints.create_call, ACCOUNT, NUMBERS),
        (endpoints.update_call, CALL, {"url": INSTRUCTIONS["url"]}),
        (endpoints.start_call_recording, CALL, {}),
        (endpoints.update_call_recording, PART_OF_CALL, {"status": "paused"}),
        (endpoints.start_call_stream, CALL, STREAM | STREAM_OPTIONS),
        (start_conference_stream, CONFERENCE, STREAM | STREAM_OPTIONS),
    ],
    ids=lambda part: function_name(part) if callable(part) else "",
)
def test_choices_are_those_that_are_described(build, ids, required):
    method, path, _ = described_operation(build(*ids, **required))
    for field, schema in form_schema(SIGNALWIRE, method, path)["properties"].items():
        if choices := schema.get("enum"):
            option = re.sub("(?<=[a-z])(?=[A-Z])", "_", field.removeprefix("Stream")).lower()
            for choice in choices:
                assert (field, choice) in sent_form(build(*ids, **(required | {option: choice})))
            with pytest.raises(SignalWireConfigurationError, match=f"Parameter '{option}' is 'other': expected '"):
                build(*ids, **(required | {option: "other"}))


@pytest.mark.parametrize(
    ("method", "path"),
    [one for one in operations(SIGNALWIRE) if one[1] != COMMAND_PATH],
    ids=lambda part: part,
)
def test_every_described_field_can_be_sent(method, path):
    requests = [request for request in REQUESTS if described_operation(request)[:2] == (method, path)]
    fields = {name for request in requests for name, _ in sent_query(request) + sent_form(request)}
    schema = form_schema(SIGNALWIRE, method, path) or {"properties": {}}
    described = {*schema["properties"], *parameters(SIGNALWIRE, method, path, "query")} - UNUSED_FILTERS
    assert requests
    assert {name for name in fields if not name.startswith("Parameter")} == described


def test_every_endpoint_is_checked():
    modules = (endpoints, stream_endpoints)
    functions = [found for module in modules for found in inspect.getmembers(module, inspect.isfunction)]
    names = {module.__name__ for module in modules}
    built_here = {name for name, function in functions if function.__module__ in names}
    public = {name for name in built_here if not name.startswith("_")}
    assert public - {"next_page", "get_stream_parent"} == {function_name(build) for build, _, _ in CASES}


@pytest.mark.parametrize("changed", [{"Odd": "1"}, {"Url": None}, {"Track": "all"}, {"Parameter100.Name": "x"}])
def test_check_detects_a_form_that_is_not_described(changed):
    schema = form_schema(SIGNALWIRE, "POST", "/Accounts/{AccountSid}/Calls/{CallSid}/Streams")
    form = {"Url": "wss://example.com", "Parameter99.Name": "x"}
    assert not problems(SIGNALWIRE, schema, form)
    assert problems(SIGNALWIRE, schema, {name: text for name, text in (form | changed).items() if text})


@pytest.fixture
def command_schema():
    return operation(SIGNALWIRE, "POST", COMMAND_PATH)["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.operation)
def test_command_is_described(command_schema, command):
    assert (command.method, command.target, command.content_type) == ("POST", COMMAND_PATH, "application/json")
    assert not problems(SIGNALWIRE, command_schema, json.loads(command.body))


def test_every_described_parameter_of_a_command_can_be_sent():
    described = SIGNALWIRE["components"]["schemas"]["StreamCommand"]["properties"]["params"]["properties"]
    assert {name for command in COMMANDS for name in command.json["params"]} == set(described)


@pytest.mark.parametrize("changed", [{"url": "x y"}, {"odd": 1}, {"track": "all"}, {"control_id": None}])
def test_check_detects_a_command_that_is_not_described(command_schema, changed):
    body = json.loads(COMMANDS[0].body)
    assert problems(SIGNALWIRE, command_schema, body | {"params": body["params"] | changed})
