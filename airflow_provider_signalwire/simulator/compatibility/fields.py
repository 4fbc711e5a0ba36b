"""Request bodies of the Compatibility API: reading them, as a form or as JSON, and checking their fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_signalwire.simulator.errors import ApiError, parse_json_object

Fields = Mapping[str, "str | list[str]"]
Schema = dict[str, Any]  # a JSON schema

MAX_FIELDS = 1000

_PARAMETER = re.compile(r"Parameter([0-9]+)\.(Name|Value)")


def read_fields(content_type: str, body: bytes) -> Fields:
    """Read a body. A field that is repeated becomes a list.

    :raises ApiError: 400 if the body is not what its content type says
    """
    if content_type.partition(";")[0].strip().lower() == "application/json":
        items = parse_json_object(body).items()
        return {
            name: [_as_text(name, one) for one in item] if isinstance(item, list) else _as_text(name, item)
            for name, item in items
            if item is not None
        }
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ApiError(400, f"The request body has more than {MAX_FIELDS} fields.") from None
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str | bool | int | float):
        return value if isinstance(value, str) else json.dumps(value)
    raise ApiError(400, f"{name} must be a string, a number or a boolean.")


def text(fields: Fields, name: str, default: str = "") -> str:
    """Return a field's value, the last one if there are several; the default if it is missing or empty."""
    value = fields.get(name, "")
    return (value if isinstance(value, str) else value[-1] if value else "") or default


def check_fields(fields: Fields, form: Schema) -> None:
    """Check the fields that are not empty.

    :raises ApiError: 422 for a required field that is empty, and for the first invalid one
    """
    for name in form["required"]:
        if not text(fields, name):
            raise ApiError(422, f"{name} is required.")
    for name, schema in form["properties"].items():
        value = text(fields, name)
        if value and (problem := find_problem(value, schema)):
            raise ApiError(422, f"{name} must be {problem}.")


def find_problem(value: str, schema: Schema) -> str | None:
    """Return what a value must be, if it is not what its schema says."""
    if "enum" in schema:
        return None if value in schema["enum"] else f"one of {', '.join(schema['enum'])}"
    if "minimum" in schema:
        low, high = schema["minimum"], schema["maximum"]
        is_valid = re.fullmatch("[0-9]{1,10}", value) and low <= int(value) <= high
        return None if is_valid else f"an integer from {low} to {high}"
    if "format" in schema:
        is_valid = len(value) <= schema["maxLength"] and has_scheme(value, "http", "https")
        return None if is_valid else f"an absolute http or https URL of at most {schema['maxLength']} characters"
    return None if re.search(schema["pattern"], value) else f"a string that matches {schema['pattern']}"


def has_scheme(url: str, *schemes: str) -> bool:
    """Return whether a string is a URL with a host and one of some schemes."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def stream_parameters(fields: Fields) -> dict[str, str]:
    """Collect ``Parameter1.Name``, ``Parameter1.Value`` to ``Parameter99.Value``.

    :raises ApiError: 422 for a number outside 1 to 99, or a value without a name
    """
    parameters = {}
    for field in fields:
        if not (matched := _PARAMETER.fullmatch(field)):
            continue
        number = matched[1]
        if len(number) > 2 or int(number) == 0:
            raise ApiError(422, f"{field} is out of range: parameters are numbered 1 to 99.")
        name = text(fields, f"Parameter{number}.Name")
        if not name:
            raise ApiError(422, f"{field} needs Parameter{number}.Name.")
        parameters[name] = text(fields, f"Parameter{number}.Value")
    return parameters


def _enum(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _integer(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _form(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


_TEXT = {"type": "string", "pattern": ""}
_URL = {"type": "string", "format": "uri", "maxLength": 2048}
_METHOD = _enum("GET", "POST")
_STATUS_CALLBACK: dict[str, Schema] = {"StatusCallback": _URL, "StatusCallbackMethod": _METHOD}
_REQUESTS: dict[str, Schema] = {"Url": _URL, "Method": _METHOD, "FallbackUrl": _URL, "FallbackMethod": _METHOD}

_RECORDING: dict[str, Schema] = {
    "RecordingChannels": _enum("mono", "dual"),
    "RecordingTrack": _enum("inbound", "outbound", "both"),
    "RecordingStatusCallback": _URL,
    "RecordingStatusCallbackMethod": _METHOD,
    "Trim": _enum("trim-silence", "do-not-trim"),
}
_STREAM: dict[str, Schema] = {
    "Url": _TEXT,
    "Name": _TEXT,
    "Track": _enum("inbound_track", "outbound_track", "both_tracks"),
    **_STATUS_CALLBACK,
    "AuthorizationBearerToken": _TEXT,
}

NEW_CALL = _form(
    {
        **dict.fromkeys(("To", "From", "ApplicationSid", "Laml", "Twiml"), _TEXT),
        **_REQUESTS,
        **_STATUS_CALLBACK,
        **_RECORDING,
        "SendDigits": {"type": "string", "pattern": r"^[0-9#*wW]{1,32}$"},
        "Timeout": _integer(1, 600),
        "MachineDetection": _enum("Enable", "DetectMessageEnd", "none"),
        "MachineDetectionTimeout": _integer(1, 120),
        "MachineDetectionSpeechThreshold": _integer(1000, 6000),
        "MachineDetectionSpeechEndThreshold": _integer(500, 5000),
        "MachineDetectionSilenceTimeout": _integer(2000, 10000),
        "MachineWordsThreshold": _integer(1, 100),
        **dict.fromkeys(("AsyncAmd", "AsyncAmdPartialResults", "Record"), _enum("true", "false")),
        "AsyncAmdStatusCallback": _URL,
        "AsyncAmdStatusCallbackMethod": _METHOD,
        "MaxPricePerMinute": {"type": "string", "pattern": r"^[0-9]{1,9}\.?[0-9]{0,4}$"},
    },
    "To",
    "From",
)
CALL_UPDATE = _form({**_REQUESTS, **_STATUS_CALLBACK, "Status": _enum("canceled", "completed")})
NEW_STREAM = _form(_STREAM, "Url")
NEW_CONFERENCE_STREAM = _form(
    {
        **_STREAM,
        "StreamCodec": _enum("PCMU", "PCMA", "L16", "L16@16000h", "L16@24000h"),
        "StreamRealTime": _enum("true", "false"),
    },
    "Url",
)
STREAM_STOP = _form({"Status": _enum("stopped")}, "Status")
NEW_RECORDING = _form(_RECORDING)
RECORDING_UPDATE = _form(
    {"Status": _enum("paused", "in-progress", "stopped"), "PauseBehavior": _enum("skip", "silence")},
    "Status",
)
