"""Request bodies: reading them, as a form or as JSON, and checking their fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_signalwire.simulator import errors

Fields = dict[str, "str | list[str]"]
Check = Callable[[str], "str | None"]  # what is wrong with a value, or None

_PARAMETER = re.compile(r"Parameter(\d+)\.(Name|Value)")


def read_fields(content_type: str, body: bytes) -> Fields:
    """Read a body. A field given more than once becomes a list.

    :raises ApiError: if the body is not what its content type says
    """
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _read_json(body)
    fields: Fields = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        known = fields.get(name)
        if known is None:
            fields[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            fields[name] = [known, value]
    return fields


def _read_json(body: bytes) -> Fields:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:  # the latter for too deep nesting
        raise errors.malformed(f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise errors.malformed("The request body must be a JSON object.")
    return {
        name: [_as_text(name, item) for item in item_or_list]
        if isinstance(item_or_list, list)
        else _as_text(name, item_or_list)
        for name, item_or_list in value.items()
        if item_or_list is not None
    }


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise errors.malformed(f"{name} must be a plain value.")


def text(fields: Mapping[str, str | list[str]], name: str) -> str:
    """Return a field's value, the last one if there are several, or an empty text."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else value[-1] if value else ""


def check_fields(fields: Mapping[str, str | list[str]], checks: Mapping[str, Check]) -> None:
    """Check the fields that are there and not empty.

    :raises ApiError: 422 for the first field that is wrong
    """
    for name, check in checks.items():
        value = text(fields, name)
        problem = check(value) if value else None
        if problem:
            raise errors.invalid(f"{name} {problem}.")


def one_of(*allowed: str) -> Check:
    """Return a check for one of some words."""
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def whole_number(low: int, high: int) -> Check:
    """Return a check for a whole number within bounds."""

    def check(value: str) -> str | None:
        fits = re.fullmatch(r"\d{1,9}", value) and low <= int(value) <= high
        return None if fits else f"must be a whole number from {low} to {high}"

    return check


def web_url(value: str) -> str | None:
    """Check for a URL that a callback can go to."""
    return None if _has_scheme(value, "http", "https") else "must be an absolute http or https URL"


def is_stream_url(value: str) -> bool:
    """Tell whether a stream may go to this URL: over TLS only."""
    return _has_scheme(value, "wss")


def _has_scheme(value: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)


def stream_parameters(fields: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Collect ``Parameter1.Name``, ``Parameter1.Value`` … ``Parameter99.Value``.

    :raises ApiError: 422 for a number outside 1 to 99, or a value without a name
    """
    parameters = {}
    for field in fields:
        matched = _PARAMETER.fullmatch(field)
        if not matched:
            continue
        number = matched[1]
        if not 1 <= int(number) <= 99:
            raise errors.invalid(f"{field} is out of range: parameters are numbered 1 to 99.")
        name = text(fields, f"Parameter{number}.Name")
        if not name:
            raise errors.invalid(f"{field} needs Parameter{number}.Name.")
        parameters[name] = text(fields, f"Parameter{number}.Value")
    return parameters


_HTTP_METHOD = one_of("GET", "POST")

CREATE_CALL_CHECKS: dict[str, Check] = {
    "Url": web_url,
    "Method": _HTTP_METHOD,
    "FallbackUrl": web_url,
    "FallbackMethod": _HTTP_METHOD,
    "StatusCallback": web_url,
    "StatusCallbackMethod": _HTTP_METHOD,
    "SendDigits": lambda value: (
        None if re.fullmatch(r"[0-9#*wW]{1,32}", value) else "takes up to 32 of 0-9, #, *, w and W"
    ),
    "Timeout": whole_number(1, 600),
    "MachineDetection": one_of("Enable", "DetectMessageEnd", "none"),
    "MachineDetectionTimeout": whole_number(1, 120),
    "MachineDetectionSpeechThreshold": whole_number(1000, 6000),
    "MachineDetectionSpeechEndThreshold": whole_number(500, 5000),
    "MachineDetectionSilenceTimeout": whole_number(2000, 10000),
    "MachineWordsThreshold": whole_number(1, 100),
    "AsyncAmd": one_of("true", "false"),
    "AsyncAmdStatusCallback": web_url,
    "AsyncAmdStatusCallbackMethod": _HTTP_METHOD,
    "AsyncAmdPartialResults": one_of("true", "false"),
    "Record": one_of("true", "false"),
    "RecordingChannels": one_of("mono", "dual"),
    "RecordingTrack": one_of("inbound", "outbound", "both"),
    "RecordingStatusCallback": web_url,
    "RecordingStatusCallbackMethod": _HTTP_METHOD,
    "Trim": one_of("trim-silence", "do-not-trim"),
    "MaxPricePerMinute": lambda value: (
        None if re.fullmatch(r"\d+\.?\d{0,4}", value) else "must be an amount with up to 4 decimal places"
    ),
}

UPDATE_CALL_CHECKS: dict[str, Check] = {
    "Url": web_url,
    "Method": _HTTP_METHOD,
    "Status": one_of("canceled", "completed"),
    "FallbackUrl": web_url,
    "FallbackMethod": _HTTP_METHOD,
    "StatusCallback": web_url,
    "StatusCallbackMethod": _HTTP_METHOD,
}

START_STREAM_CHECKS: dict[str, Check] = {
    "Track": one_of("inbound_track", "outbound_track", "both_tracks"),
    "StatusCallback": web_url,
    "StatusCallbackMethod": _HTTP_METHOD,
}

CREATE_RECORDING_CHECKS: dict[str, Check] = {
    "RecordingChannels": one_of("mono", "dual"),
    "RecordingTrack": one_of("inbound", "outbound", "both"),
    "RecordingStatusCallback": web_url,
    "RecordingStatusCallbackMethod": _HTTP_METHOD,
    "Trim": one_of("trim-silence", "do-not-trim"),
}

UPDATE_RECORDING_CHECKS: dict[str, Check] = {
    "Status": one_of("paused", "in-progress", "stopped"),
    "PauseBehavior": one_of("skip", "silence"),
}
