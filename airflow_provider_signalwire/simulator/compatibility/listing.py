"""Lists of calls and conferences: filters, pages, and page tokens that stay valid while the lists change."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import email.utils
import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from airflow_provider_signalwire.simulator.compatibility.calls import (
    CALL_STATUSES,
    CONFERENCE_STATUSES,
    account_uri,
)
from airflow_provider_signalwire.simulator.compatibility.fields import Fields, Schemas, text
from airflow_provider_signalwire.simulator.errors import ApiError
from airflow_provider_signalwire.simulator.resources import Place, Record

Test = Callable[[Any, float], bool]

_DAY = 86_400
_PAGING: Schemas = {
    "Page": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
    "PageSize": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
}
_TIME = {"type": "string", "format": "date", "description": "A date, or a time in ISO 8601 or RFC 2822."}


@dataclasses.dataclass(frozen=True)
class Listing:
    """How resources of one kind are listed.

    :param name: key of the list in a page
    :param statuses: the values of the filter ``Status``
    :param texts: other filters by value, and what they compare with
    :param times: filters by time, and what they compare with
    """

    name: str
    statuses: tuple[str, ...]
    texts: dict[str, Callable[[Any, float], Any]]
    times: dict[str, Callable[[Any, float], Any]]

    @property
    def query(self) -> Schemas:
        """The schemas of the query parameters."""
        return {
            **{name: {"type": "string"} for name in self.texts},
            "Status": {"type": "string", "enum": list(self.statuses)},
            **{name + comparison: _TIME for name in self.times for comparison in ("", "<", ">")},
            **_PAGING,
        }


CALLS = Listing(
    "calls",
    CALL_STATUSES,
    {
        "To": lambda call, now: call.to,
        "From": lambda call, now: call.from_,
        "ParentCallSid": lambda call, now: call.parent_call_sid,
    },
    {"StartTime": lambda call, now: call.started_at(now), "EndTime": lambda call, now: call.ended_at},
)
CONFERENCES = Listing(
    "conferences",
    CONFERENCE_STATUSES,
    {"FriendlyName": lambda conference, now: conference.friendly_name},
    {
        "DateCreated": lambda conference, now: conference.created_at,
        "DateUpdated": lambda conference, now: conference.updated_at,
    },
)


class PageRequest:
    """Which page of a list is requested.

    :raises ApiError: 400 for an invalid page, 422 for an invalid filter
    """

    def __init__(self, listing: Listing, account_sid: str, query: Fields) -> None:
        self._listing = listing
        filters = {name: text(query, name) for name in query if name not in (*_PAGING, "PageToken")}
        self.filters = {name: value for name, value in filters.items() if value}
        self.tests = [test for name, value in self.filters.items() if (test := _test(listing, name, value))]
        self.number, self.size = (_number(name, text(query, name)) for name in _PAGING)
        self.token = text(query, "PageToken")
        self.place = _parse_token(self.token) if self.token else None
        self.path = f"{account_uri(account_sid)}/{listing.name.title()}"

    def page(self, candidates: Iterator[Any], now: float) -> Record:
        """Return the page.

        :param candidates: the resources before the page's place
        """
        found = (one for one in candidates if all(test(one, now) for test in self.tests))
        # A token is the place where the page begins; without one, the pages before it are skipped.
        skipped = 0 if self.token else self.number * self.size
        page = list(itertools.islice(found, skipped, skipped + self.size + 1))
        has_next, page = len(page) > self.size, page[: self.size]
        return {
            "uri": self._uri(self.number, self.token),
            "first_page_uri": self._uri(0),
            "next_page_uri": self._uri(self.number + 1, _token(page[-1].place)) if has_next else None,
            "previous_page_uri": self._uri(self.number - 1) if self.number and page else None,
            "page": self.number,
            "page_size": self.size,
            self._listing.name: [one.record(now) for one in page],
        }

    def _uri(self, number: int, token: str = "") -> str:
        paging = {"Page": str(number), "PageSize": str(self.size)} | ({"PageToken": token} if token else {})
        return f"{self.path}?{urlencode({**paging, **self.filters})}"


def _number(name: str, value: str) -> int:
    low, high, default = (_PAGING[name][key] for key in ("minimum", "maximum", "default"))
    if value and not (re.fullmatch("[0-9]{1,10}", value) and low <= int(value) <= high):
        raise ApiError(400, f"{name} must be an integer from {low} to {high}.")
    return int(value or default)


def _token(place: Place) -> str:
    return "PA" + base64.urlsafe_b64encode("{!r} {}".format(*place).encode()).decode().rstrip("=")


def _parse_token(token: str) -> Place:
    try:
        moment, number = base64.b64decode(token[2:] + "=" * (-len(token[2:]) % 4), b"-_", validate=True).split()
        if not (token.startswith("PA") and len(token) < 100 and math.isfinite(float(moment))):
            raise ValueError
        return float(moment), int(number)
    except ValueError:
        raise ApiError(400, "PageToken is not one that this API returned.") from None


def _test(listing: Listing, name: str, value: str) -> Test | None:
    """Return what a filter tests; an unknown name is ignored."""
    if name == "Status":
        if value not in listing.statuses:
            raise ApiError(422, f"Status must be one of {', '.join(listing.statuses)}.")
        return lambda one, now: one.status(now) == value
    if time_of := listing.times.get(name.rstrip("<>")):
        return _time_test(name, value, time_of)
    value_of = listing.texts.get(name)
    return value_of and (lambda one, now: value_of(one, now) == value)


def _time_test(name: str, value: str, time_of: Callable[[Any, float], Any]) -> Test:
    """Compare in whole seconds, as records show them. A date is its whole day, or its first second with < and >."""
    second, is_date = _parse_time(name, value)
    compare = {"<": operator.lt, ">": operator.gt}.get(name[-1])
    span = range(second, second + (_DAY if is_date else 1))

    def test(one: Any, now: float) -> bool:
        moment = time_of(one, now)
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
