"""The optional fields of the endpoints that have many, under Python's names for them.

Each key is the API's own name in snake case: ``status_callback_url`` would be sent as ``StatusCallbackUrl``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from airflow_provider_signalwire.client.protocol.request import Fields, may_be_secret
from airflow_provider_signalwire.client.protocol.validation import validate_text
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

Option = str | int | bool | Sequence[str] | None


class CreateCallOptions(TypedDict, total=False):
    """What a new call may be given besides ``To`` and ``From``."""

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
    timeout: int | None
    machine_detection: str | None
    machine_detection_timeout: int | None
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
    """What a call in progress may be changed to."""

    url: str | None
    method: str | None
    status: str | None
    fallback_url: str | None
    fallback_method: str | None
    status_callback: str | None
    status_callback_method: str | None


class StartRecordingOptions(TypedDict, total=False):
    """How a call is to be recorded."""

    recording_channels: str | None
    recording_status_callback: str | None
    recording_status_callback_event: str | None
    recording_status_callback_method: str | None
    recording_track: str | None
    trim: str | None


def encode_form(options: Mapping[str, object], known: type) -> Fields:
    """Write options as form fields; None means that the option was not given.

    :raises SignalWireConfigurationError: if the API has no such option, or its value cannot be a form field.
    """
    names = known.__annotations__
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise SignalWireConfigurationError(
            f"Unknown option {', '.join(map(repr, unknown))}: expected some of {', '.join(names)}."
        )
    return tuple(
        (_api_name(name), text) for name, value in options.items() if value is not None for text in _texts(name, value)
    )


def _api_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, int):
        return [str(value)]
    items: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value]
    return [validate_text(name, item, may_be_secret=may_be_secret(_api_name(name))) for item in items]
