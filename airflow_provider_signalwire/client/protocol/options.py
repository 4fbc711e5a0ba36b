"""The optional fields of the endpoints that have many, under Python's names for them.

Each key is the API's own name in snake case: ``status_callback_url`` would be sent as ``StatusCallbackUrl``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypedDict, get_args, get_type_hints

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.request import Fields, may_be_secret
from airflow_provider_signalwire.client.protocol.validation import (
    validate_boolean,
    validate_duration,
    validate_integer,
    validate_phone_number,
    validate_sid,
    validate_text,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_MAX_INTEGER = 2**31 - 1
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # not valid UTF-8


class CreateCallOptions(TypedDict, total=False):
    """The fields of a new call besides ``To`` and ``From``."""

    url: str | None
    application_sid: str | None
    method: str | None
    fallback_url: str | None
    fallback_method: str | None
    status_callback: str | None
    status_callback_method: str | None
    status_callback_event: Sequence[str] | None
    caller_id: str | None
    send_digits: str | None
    timeout: float | timedelta | None
    machine_detection: str | None
    machine_detection_timeout: float | timedelta | None
    machine_detection_speech_threshold: int | None
    machine_detection_speech_end_threshold: int | None
    machine_detection_silence_timeout: int | None
    machine_words_threshold: int | None
    async_amd: bool | None
    async_amd_status_callback: str | None
    async_amd_status_callback_method: str | None
    async_amd_partial_results: bool | None
    record: bool | None
    recording_channels: str | None
    recording_track: str | None
    recording_status_callback: str | None
    recording_status_callback_method: str | None
    recording_status_callback_event: str | None
    trim: str | None
    sip_auth_username: str | None
    sip_auth_password: str | None
    max_price_per_minute: str | None


class UpdateCallOptions(TypedDict, total=False):
    """The fields of a call in progress that can be changed."""

    url: str | None
    method: str | None
    status: str | None
    fallback_url: str | None
    fallback_method: str | None
    status_callback: str | None
    status_callback_method: str | None


class StartRecordingOptions(TypedDict, total=False):
    """Options of a recording."""

    recording_channels: str | None
    recording_status_callback: str | None
    recording_status_callback_event: str | None
    recording_status_callback_method: str | None
    recording_track: str | None
    trim: str | None


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
    if bool in types:
        return [boolean_text(name, value)]
    if timedelta in types:
        return [str(_whole_seconds(name, value))]
    if int in types:
        return [str(validate_integer(name, value, minimum=0, maximum=_MAX_INTEGER, templated=True))]
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
