"""The list of calls: filters, pages, and page tokens that stay valid while calls are added and deleted."""

from __future__ import annotations

import base64
import bisect
import datetime
import email.utils
import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from airflow_provider_signalwire.simulator.compatibility.calls import CALL_STATUSES, Call, Record, call_uri
from airflow_provider_signalwire.simulator.compatibility.fields import Fields, Schemas, text
from airflow_provider_signalwire.simulator.errors import ApiError

Place = tuple[float, int]
Test = Callable[[Call, float], bool]

_DAY = 86_400
_PAGING: Schemas = {
    "Page": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
    "PageSize": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
}
_TIME = {"type": "string", "format": "date", "description": "A date, or a time in ISO 8601 or RFC 2822."}
_VALUES: dict[str, Callable[[Call, float], Any]] = {
    "Status": lambda call, now: call.status(now),
    "To": lambda call, now: call.to,
    "From": lambda call, now: call.from_,
    "ParentCallSid": lambda call, now: call.parent_call_sid,
    "StartTime": lambda call, now: call.started_at(now),
    "EndTime": lambda call, now: call.ended_at,
}
QUERY: Schemas = {
    **{name: {"type": "string"} for name in ("To", "From", "ParentCallSid")},
    "Status": {"type": "string", "enum": list(CALL_STATUSES)},
    **{name + comparison: _TIME for name in ("StartTime", "EndTime") for comparison in ("", "<", ">")},
    **_PAGING,
}


class CallIndex:
    """The calls of one account, in the order of their creation."""

    def __init__(self) -> None:
        self._ordered: list[tuple[Place, Call]] = []

    def add(self, calls: list[Call]) -> None:
        """Add calls. A single one nearly always belongs at the end."""
        entries = [(_place(call), call) for call in calls]
        must_sort = len(entries) > 1 or (bool(self._ordered) and entries[0] < self._ordered[-1])
        self._ordered += entries
        if must_sort:
            self._ordered.sort()

    def remove(self, call: Call) -> None:
        """Remove a call."""
        del self._ordered[bisect.bisect_left(self._ordered, (_place(call),))]

    def before(self, place: Place | None) -> Iterator[Call]:
        """Return the calls before a place, or all calls, newest first."""
        end = len(self._ordered) if place is None else bisect.bisect_left(self._ordered, (place,))
        return (call for _, call in reversed(self._ordered[:end]))


class PageRequest:
    """Which page is requested, and of which calls.

    :raises ApiError: 400 for an invalid page, 422 for an invalid filter
    """

    def __init__(self, account_sid: str, query: Fields) -> None:
        filters = {name: text(query, name) for name in query if name not in (*_PAGING, "PageToken")}
        self.filters = {name: value for name, value in filters.items() if value}
        self.tests = [test for name, value in self.filters.items() if (test := _test(name, value))]
        self.number, self.size = (_number(name, text(query, name)) for name in _PAGING)
        self.token = text(query, "PageToken")
        self.place = _parse_token(self.token) if self.token else None
        self.path = call_uri(account_sid, "").rstrip("/")

    def page(self, candidates: Iterator[Call], now: float) -> Record:
        """Return the page.

        :param candidates: the calls before the page's place
        """
        found = (call for call in candidates if all(test(call, now) for test in self.tests))
        # A token is the place where the page begins; without one, the pages before it are skipped.
        skipped = 0 if self.token else self.number * self.size
        calls = list(itertools.islice(found, skipped, skipped + self.size + 1))
        has_next, calls = len(calls) > self.size, calls[: self.size]
        return {
            "uri": self._uri(self.number, self.token),
            "first_page_uri": self._uri(0),
            "next_page_uri": self._uri(self.number + 1, _token(calls[-1])) if has_next else None,
            "previous_page_uri": self._uri(self.number - 1) if self.number and calls else None,
            "page": self.number,
            "page_size": self.size,
            "calls": [call.record(now) for call in calls],
        }

    def _uri(self, number: int, token: str = "") -> str:
        paging = {"Page": str(number), "PageSize": str(self.size)} | ({"PageToken": token} if token else {})
        return f"{self.path}?{urlencode({**paging, **self.filters})}"


def _place(call: Call) -> Place:
    return call.created_at, call.number


def _number(name: str, value: str) -> int:
    low, high, default = (_PAGING[name][key] for key in ("minimum", "maximum", "default"))
    if value and not (re.fullmatch("[0-9]{1,10}", value) and low <= int(value) <= high):
        raise ApiError(400, f"{name} must be an integer from {low} to {high}.")
    return int(value or default)


def _token(call: Call) -> str:
    return "PA" + base64.urlsafe_b64encode(f"{call.created_at!r} {call.number}".encode()).decode().rstrip("=")


def _parse_token(token: str) -> Place:
    try:
        moment, number = base64.b64decode(token[2:] + "=" * (-len(token[2:]) % 4), b"-_", validate=True).split()
        if not (token.startswith("PA") and len(token) < 100 and math.isfinite(float(moment))):
            raise ValueError
        return float(moment), int(number)
    except ValueError:
        raise ApiError(400, "PageToken is not one that this API returned.") from None


def _test(name: str, value: str) -> Test | None:
    """Return what a filter tests; an unknown name is ignored."""
    if name == "Status" and value not in CALL_STATUSES:
        raise ApiError(422, f"Status must be one of {', '.join(CALL_STATUSES)}.")
    if QUERY.get(name) is _TIME:
        return _time_test(name, value)
    value_of = _VALUES.get(name)
    return value_of and (lambda call, now: value_of(call, now) == value)


def _time_test(name: str, value: str) -> Test:
    """Compare in whole seconds, as records show them. A date is its whole day, or its first second with < and >."""
    second, is_date = _parse_time(name, value)
    time_of = _VALUES[name.rstrip("<>")]
    compare = {"<": operator.lt, ">": operator.gt}.get(name[-1])
    span = range(second, second + (_DAY if is_date else 1))

    def test(call: Call, now: float) -> bool:
        moment = time_of(call, now)
        if moment is None:
            return False
        return bool(compare(int(moment), second)) if compare else int(moment) in span

    return test


def _parse_time(name: str, value: str) -> tuple[int, bool]:
    """Return a time in seconds, and whether it is a date; without a zone it is GMT."""
    is_date = re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None
    is_iso_8601 = re.match("[0-9]{4}-", value) is not None
    try:
        time = (datetime.datetime.fromisoformat if is_iso_8601 else email.utils.parsedate_to_datetime)(value[:100])
        return int((time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp() // 1), is_date
    except (ValueError, OverflowError, TypeError, IndexError):  # the last two of email.utils, for malformed dates
        raise ApiError(422, f"{name} must be a date (YYYY-MM-DD), or a time in ISO 8601 or RFC 2822.") from None
