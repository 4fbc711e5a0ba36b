"""Validation of the filters of lists: points in time, dates, and the call filters of a cleanup."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime as rfc_2822
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_signalwire.client.protocol.redaction import clears_locals, short_repr
from airflow_provider_signalwire.client.protocol.validation import invalid_value, validate_phone_number, validate_sid
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


def parse_datetime(text: str) -> datetime | None:
    """Read a point in time in ISO 8601 or RFC 2822, or return None."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def validate_datetime(name: str, value: object) -> datetime:
    """Return a point in time with a time zone.

    :param value: An aware datetime, or a string in ISO 8601 or RFC 2822 with a zone.
    """
    expected = "a datetime with a time zone, or such a string: '2026-01-31T12:00:00Z' (ISO 8601) or RFC 2822"
    moment = parse_datetime(value) if isinstance(value, str) else value
    try:
        if isinstance(moment, datetime) and moment.utcoffset() is not None:
            moment.astimezone(UTC)
            return moment
    except (ValueError, OverflowError):  # out of range in UTC
        pass
    raise invalid_value(name, value, expected)


def format_datetime(name: str, value: object) -> str:
    """Return a point in time as the API's filters expect it: RFC 2822, GMT."""
    return rfc_2822(validate_datetime(name, value).astimezone(UTC), usegmt=True)


def format_date(name: str, value: object) -> str:
    """Return a date as ``YYYY-MM-DD``. A datetime is refused, because its time would be lost."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise invalid_value(name, value, "a date, or such a string: '2026-01-31'")
    return day.isoformat()


@clears_locals
def validate_call_filters(filters: object) -> dict[str, Any]:
    """Return filters for ``list_calls``; a missing value is refused, because it would match every call.

    :param filters: Any of ``to``, ``from_``, ``parent_call_sid`` and ``started_after``.
    """
    if not isinstance(filters, Mapping):
        raise invalid_value("call_filters", filters, "a mapping such as {'to': '+15551230100'}")
    unknown = [key for key in filters if key not in _CALL_FILTERS]
    if unknown:
        names = ", ".join(short_repr(key, limit=60) for key in unknown[:5])
        raise SignalWireConfigurationError(
            f"Parameter 'call_filters' has the unknown key {names}: expected some of {', '.join(_CALL_FILTERS)}."
        )
    return {key: _CALL_FILTERS[key](f"call_filters[{key!r}]", value) for key, value in filters.items()}


_CALL_FILTERS = {
    "to": validate_phone_number,
    "from_": validate_phone_number,
    "parent_call_sid": validate_sid,
    "started_after": validate_datetime,
}
