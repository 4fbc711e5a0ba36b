"""Checks of parameters until ``client.protocol.validation`` has them: delete this module and import from there."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, short_repr
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment, validate_number
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_CALL_FILTERS = ("from_", "parent_call_sid", "started_after", "to")


def validate_sid(name: str, value: Any) -> str:
    """Return a SID or a name."""
    encode_path_segment(name, value)
    return str(value)


def validate_boolean(name: str, value: Any, *, templated: bool = False) -> bool:
    """Return a boolean; a templated one may be the string 'true' or 'false'."""
    if isinstance(value, bool):
        return value
    if templated and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise SignalWireConfigurationError(f"Parameter '{name}' is {short_repr(value)}: expected True or False.")


def validate_integer(name: str, value: Any, *, minimum: int, maximum: float = math.inf) -> int:
    """Return an integer within limits."""
    if not isinstance(value, int):
        raise SignalWireConfigurationError(f"Parameter '{name}' is {short_repr(value)}: expected an integer.")
    return int(validate_number(name, value, minimum=minimum, maximum=maximum))


def validate_duration(name: str, value: Any, *, minimum: float, maximum: float, templated: bool = False) -> float:
    """Return seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if templated and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    return validate_number(name, value, minimum=minimum, maximum=maximum)


def validate_call_filters(filters: Any) -> dict[str, Any]:
    """Return the filters of a listing of calls, none of which is missing."""
    if not isinstance(filters, Mapping):
        shown = mask_phone_numbers(short_repr(filters))
        raise SignalWireConfigurationError(
            f"Parameter 'call_filters' is {shown}: expected a mapping, such as {{'to': …}}."
        )
    unknown = sorted(set(filters) - set(_CALL_FILTERS))
    if unknown:
        raise SignalWireConfigurationError(
            f"Parameter 'call_filters' has {', '.join(map(repr, unknown))}: expected some of "
            f"{', '.join(_CALL_FILTERS)}."
        )
    for name, value in filters.items():
        if value is None or (isinstance(value, str) and value.strip() in ("", "None")):
            raise SignalWireConfigurationError(
                f"Parameter 'call_filters' has {value!r} as {name!r}: an upstream task may have returned nothing."
            )
    return dict(filters)
