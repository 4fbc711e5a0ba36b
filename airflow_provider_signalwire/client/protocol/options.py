"""The optional fields of the endpoints that have many, under Python's names for them.

Each key is the API's own name in snake case: ``status_callback_url`` would be sent as ``StatusCallbackUrl``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.request import Fields, may_be_secret
from airflow_provider_signalwire.client.protocol.validation import (
    validate_boolean,
    validate_choice,
    validate_duration,
    validate_integer,
    validate_phone_number,
    validate_sid,
    validate_text,
    validate_url,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_MAX_INTEGER = 2**31 - 1
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # not valid UTF-8

_HttpMethod = Literal["GET", "POST"]
_Channels = Literal["mono", "dual"]
_RecordingTrack = Literal["inbound", "outbound", "both"]
_Trim = Literal["trim-silence", "do-not-trim"]


class CreateCallOptions(TypedDict, total=False):
    """The fields of a new call besides ``To`` and ``From``."""

    url: str | None
    application_sid: str | None
    method: _HttpMethod | None
    fallback_url: str | None
    fallback_method: _HttpMethod | None
    status_callback: str | None
    status_callback_method: _HttpMethod | None
    status_callback_event: Sequence[str] | None
    caller_id: str | None
    send_digits: str | None
    timeout: float | timedelta | None
    machine_detection: Literal["Enable", "DetectMessageEnd", "none"] | None
    machine_detection_timeout: float | timedelta | None
    machine_detection_speech_threshold: int | None
    machine_detection_speech_end_threshold: int | None
    machine_detection_silence_timeout: int | None
    machine_words_threshold: int | None
    async_amd: bool | None
    async_amd_status_callback: str | None
    async_amd_status_callback_method: _HttpMethod | None
    async_amd_partial_results: bool | None
    record: bool | None
    recording_channels: _Channels | None
    recording_track: _RecordingTrack | None
    recording_status_callback: str | None
    recording_status_callback_method: _HttpMethod | None
    recording_status_callback_event: str | None
    trim: _Trim | None
    sip_auth_username: str | None
    sip_auth_password: str | None
    max_price_per_minute: str | None


class UpdateCallOptions(TypedDict, total=False):
    """The fields of a call in progress that can be changed."""

    url: str | None
    method: _HttpMethod | None
    status: Literal["canceled", "completed"] | None
    fallback_url: str | None
    fallback_method: _HttpMethod | None
    status_callback: str | None
    status_callback_method: _HttpMethod | None


class StartRecordingOptions(TypedDict, total=False):
    """Options of a recording."""

    recording_channels: _Channels | None
    recording_status_callback: str | None
    recording_status_callback_event: str | None
    recording_status_callback_method: _HttpMethod | None
    recording_track: _RecordingTrack | None
    trim: _Trim | None


# For each optional argument of a request: its field, its name, its value and how to validate it.
Options = tuple[tuple[str, str, Any, Callable[[str, Any], str]], ...]


def given_fields(options: Options) -> Fields:
    """Return the fields of the arguments that were given; None means that one was not."""
    return tuple((field, validate(name, value)) for field, name, value, validate in options if value is not None)


def boolean_text(name: str, value: object) -> str:
    """Write a boolean as the API expects it."""
    return str(validate_boolean(name, value)).lower()


def encode_form(options: Mapping[str, object], known: type) -> Fields:
    """Write options as form fields; None means that the option was not given.

    :param known: The TypedDict that lists the options.
    :raises SignalWireConfigurationError: if there is no such option, or its value is not valid.
    """
    types = _types_of(known)
    unknown = sorted(set(options) - set(types))
    if unknown:
        names = ", ".join(short_repr(name, limit=60) for name in unknown)
        raise SignalWireConfigurationError(f"Unknown option {names}: expected some of {', '.join(types)}.")
    return tuple(
        (_field_name(name), text)
        for name, value in options.items()
        if value is not None
        for text in _texts(name, value, types[name])
    )


def validate_parameters(name: str, value: object, *, maximum: int) -> dict[str, str]:
    """Return custom parameters, a mapping of strings to strings. A message quotes no value: it may be a secret."""
    if not isinstance(value, Mapping):
        raise SignalWireConfigurationError(
            f"Parameter '{name}' is a {type(value).__name__}: expected a mapping such as {{'language': 'en'}}."
        )
    if len(value) > maximum:
        raise SignalWireConfigurationError(f"Parameter '{name}' has {len(value)} entries: expected at most {maximum}.")
    for key, text in value.items():
        for part, description in ((key, "a key"), (text, f"the value of key {short_repr(key, limit=60)}")):
            if problem := _form_text_problem(part):
                raise SignalWireConfigurationError(
                    f"Parameter '{name}' must map strings to non-empty strings; {description} is {problem}: expected "
                    "a string."
                )
    return dict(value)


@cache
def _types_of(known: type) -> dict[str, tuple[type, ...]]:
    return {name: get_args(hint) for name, hint in get_type_hints(known).items()}


def _field_name(option: str) -> str:
    return "".join(word.capitalize() for word in option.split("_"))


def _texts(name: str, value: object, types: tuple[type, ...]) -> list[str]:
    if get_origin(types[0]) is Literal:
        return [validate_choice(name, value, get_args(types[0]))]
    if bool in types:
        return [boolean_text(name, value)]
    if timedelta in types:
        return [str(_whole_seconds(name, value))]
    if int in types:
        return [str(validate_integer(name, value, minimum=0, maximum=_MAX_INTEGER, templated=True))]
    if name.endswith(("url", "_callback")):
        return [validate_url(name, value, schemes=("https", "http"))]
    if name.endswith("_sid"):
        return [validate_sid(name, value)]
    if name == "caller_id":
        return [validate_phone_number(name, value)]
    items = value if isinstance(value, (list, tuple)) else [value]
    return [validate_text(name, item, may_be_secret=may_be_secret(_field_name(name))) for item in items]


def _whole_seconds(name: str, value: object) -> int:
    seconds = validate_duration(name, value, templated=True)
    if not seconds.is_integer():
        raise SignalWireConfigurationError(f"Parameter '{name}' is {short_repr(value)}: expected whole seconds.")
    return int(seconds)


def _form_text_problem(value: object) -> str:
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    if not value:
        return "empty"
    return "not valid Unicode" if _LONE_SURROGATE.search(value) else ""
