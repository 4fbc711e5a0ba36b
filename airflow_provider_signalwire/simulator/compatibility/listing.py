"""Lists of calls and conferences: filters, pages, and page tokens that stay valid while the lists change."""

from __future__ import annotations

import dataclasses
import datetime
import email.utils
import itertools
import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from airflow_provider_signalwire.simulator.compatibility.calls import Call, Conference, account_uri
from airflow_provider_signalwire.simulator.compatibility.forms import Form
from airflow_provider_signalwire.simulator.errors import ApiError
from airflow_provider_signalwire.simulator.resources import Place, Record, Resource

Test = Callable[[Any, float], bool]  # takes a resource and the current time

_DAY = 86_400
_TIME = {"type": "string", "format": "date", "description": "A date, or a time in ISO 8601 or RFC 2822."}


class Paging(Form):
    """Which page is asked for."""

    page: Annotated[int, Field(ge=0, lt=2**31)] = 0
    page_size: Annotated[int, Field(ge=1, le=1000)] = 50
    page_token: str = ""


_PAGING = Paging.model_json_schema()["properties"]


@dataclasses.dataclass(frozen=True)
class Listing:
    """How resources of one kind are listed."""

    resource_type: type[Resource]
    name: str  # key of the list in a page
    attributes: dict[str, str]  # other filters by value, and what they compare with
    times: dict[str, Callable[[Any, float], float | None]]  # filters by time, and what they compare with

    @property
    def query(self) -> dict[str, dict[str, Any]]:
        """The schemas of the query parameters."""
        return {
            **{name: {"type": "string"} for name in self.attributes},
            "Status": {"type": "string", "enum": list(self.resource_type.statuses)},
            **{name + comparison: _TIME for name in self.times for comparison in ("", "<", ">")},
            **_PAGING,
        }

    def page(self, resources: dict[str, Resource], account_sid: str, query: Mapping[str, str], now: float) -> Record:
        """Return the page that a query asks for; lists are newest first.

        :raises ApiError: 400 for an invalid page, 422 for an invalid filter
        """
        filters = {name: value for name, value in query.items() if value and name not in _PAGING}
        tests = [test for name, value in filters.items() if (test := self._test(name, value))]
        paging = Paging.parse(query, status=400)
        number, size, token = paging.page, paging.page_size, paging.page_token
        # A token is the place after which the page begins; without one, the pages before it are skipped.
        end, skipped = (_parse_token(token), 0) if token else ((math.inf, 0), number * size)

        candidates = (one for one in resources.values() if type(one) is self.resource_type)
        earlier = (one for one in candidates if one.account_sid == account_sid and one.place < end)
        newest_first = sorted(earlier, key=lambda one: one.place, reverse=True)
        found = (one for one in newest_first if all(test(one, now) for test in tests))
        page: list[Any] = list(itertools.islice(found, skipped, skipped + size + 1))
        has_next, page = len(page) > size, page[:size]

        def uri(number: int, token: str = "") -> str:
            paging = {"Page": str(number), "PageSize": str(size)} | ({"PageToken": token} if token else {})
            return f"{account_uri(account_sid)}/{self.name.title()}?{urlencode({**paging, **filters})}"

        return {
            "uri": uri(number, token),
            "first_page_uri": uri(0),
            "next_page_uri": uri(number + 1, _token(page[-1].place)) if has_next else None,
            "previous_page_uri": uri(number - 1) if number and page else None,
            "page": number,
            "page_size": size,
            self.name: [one.record(now) for one in page],
        }

    def _test(self, name: str, value: str) -> Test | None:
        """Return what a filter tests; an unknown name is ignored."""
        if name == "Status":
            if value not in self.resource_type.statuses:
                raise ApiError(422, f"Status must be one of {', '.join(self.resource_type.statuses)}.")
            return lambda one, now: one.status(now) == value
        if attribute := self.attributes.get(name):
            return lambda one, now: getattr(one, attribute) == value
        if time_of := self.times.get(name.rstrip("<>")):
            fits = _time_filter(name, value)
            return lambda one, now: (moment := time_of(one, now)) is not None and fits(int(moment))
        return None


CALLS = Listing(
    Call,
    "calls",
    {"To": "to", "From": "from_", "ParentCallSid": "parent_call_sid"},
    {"StartTime": lambda call, now: call.started_at(now), "EndTime": lambda call, now: call.ended_at},
)
CONFERENCES = Listing(
    Conference,
    "conferences",
    {"FriendlyName": "friendly_name"},
    {"DateCreated": lambda one, now: one.created_at, "DateUpdated": lambda one, now: one.ended_at or one.created_at},
)


def _time_filter(name: str, value: str) -> Callable[[int], bool]:
    """Return a filter of times in whole seconds, as records show them. A time without a zone is GMT."""
    parse = datetime.datetime.fromisoformat if re.match("[0-9]{4}-", value) else email.utils.parsedate_to_datetime
    try:
        time = parse(value[:100])
        first = int((time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp() // 1)
    except (ValueError, OverflowError, TypeError, IndexError):  # the last two of email.utils, for malformed dates
        raise ApiError(422, f"{name} must be a date (YYYY-MM-DD), or a time in ISO 8601 or RFC 2822.") from None
    # A date is its first second with < and >, and otherwise the whole day.
    if name.endswith("<"):
        return lambda second: second < first
    if name.endswith(">"):
        return lambda second: second > first
    is_date = re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None
    return range(first, first + (_DAY if is_date else 1)).__contains__


def _token(place: Place) -> str:
    return "PA{!r}-{}".format(*place)


def _parse_token(token: str) -> Place:
    match = re.fullmatch(r"PA([0-9]{1,20}(?:\.[0-9]{1,20})?)-([0-9]{1,20})", token)
    if match is None:
        raise ApiError(400, "PageToken is not one that this API returned.")
    return float(match[1]), int(match[2])
