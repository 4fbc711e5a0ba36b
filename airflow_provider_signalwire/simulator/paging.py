"""The list of calls: filters, pages, and tokens that keep their place while calls come and go."""

from __future__ import annotations

import base64
import bisect
import calendar
import dataclasses
import datetime
import email.utils
import itertools
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.entities import CALL_STATUSES, Call
from airflow_provider_signalwire.simulator.records import Record, account_uri, call_record

Place = tuple[float, int]
Wanted = Callable[[Call, float], bool]

_PAGING_NAMES = ("Page", "PageSize", "PageToken")
_DAY = 86_400


class CallIndex:
    """The calls of one account in the order of their creation."""

    def __init__(self) -> None:
        self._ordered: list[tuple[Place, Call]] = []

    def add(self, call: Call) -> None:
        """Take a call in: nearly always at the end."""
        bisect.insort(self._ordered, (call.order, call))

    def remove(self, call: Call) -> None:
        """Take a call out."""
        del self._ordered[bisect.bisect_left(self._ordered, (call.order,))]

    def older_than(self, place: Place | None) -> Iterator[Call]:
        """Walk from a place towards the oldest call; from the newest call without a place."""
        start = len(self._ordered) if place is None else bisect.bisect_left(self._ordered, (place,))
        return (self._ordered[at][1] for at in range(start - 1, -1, -1))

    def newer_than(self, place: Place) -> Iterator[Call]:
        """Walk from a place towards the newest call."""
        start = bisect.bisect_left(self._ordered, ((place[0], place[1] + 1),))
        return (self._ordered[at][1] for at in range(start, len(self._ordered)))


@dataclasses.dataclass(slots=True)
class PageRequest:
    """Which page is asked for, and of which calls."""

    account_sid: str
    filters: dict[str, str]
    wanted: list[Wanted]
    number: int
    size: int
    token: str

    def uri(self, number: int, token: str = "") -> str:
        """Return the path of a page of the same list."""
        query = {"Page": str(number), "PageSize": str(self.size)}
        if token:
            query["PageToken"] = token
        return f"{account_uri(self.account_sid)}/Calls?{urlencode({**query, **self.filters})}"


def list_calls(index: CallIndex, request: PageRequest, now: float) -> Record:
    """Answer with one page of the calls, newest first."""
    calls, more = _page(index, request, now)
    number = request.number
    return {
        "uri": request.uri(number, request.token),
        "first_page_uri": request.uri(0),
        "next_page_uri": request.uri(number + 1, _token("PA", calls[-1])) if more else None,
        "previous_page_uri": request.uri(number - 1, _token("PB", calls[0])) if number and calls else None,
        "page": number,
        "page_size": request.size,
        "calls": [call_record(call, now) for call in calls],
    }


def _page(index: CallIndex, request: PageRequest, now: float) -> tuple[list[Call], bool]:
    """Return the page's calls, and whether there are more behind it."""

    def matching(calls: Iterator[Call]) -> Iterator[Call]:
        return (call for call in calls if all(wants(call, now) for wants in request.wanted))

    if request.token.startswith("PB"):
        place = _place(request.token)
        calls = list(itertools.islice(matching(index.newer_than(place)), request.size))[::-1]
        # The page that led here lies behind this one, so there is more.
        return calls, bool(calls)
    # A token says where the page begins; without one, the pages before it are counted off.
    place_or_start = _place(request.token) if request.token else None
    skipped = 0 if request.token else request.number * request.size
    found = matching(index.older_than(place_or_start))
    calls = list(itertools.islice(found, skipped, skipped + request.size + 1))
    return calls[: request.size], len(calls) > request.size


def page_request(account_sid: str, query: dict[str, str]) -> PageRequest:
    """Read the query of a list.

    :raises ApiError: 400 for a page that cannot be, 422 for a filter that cannot be
    """
    token = query.get("PageToken", "")
    if token:
        _place(token)
    filters = {name: value for name, value in query.items() if name not in _PAGING_NAMES and value}
    return PageRequest(
        account_sid=account_sid,
        filters=filters,
        wanted=[wanted for name, value in filters.items() if (wanted := _filter(name, value))],
        number=_number(query, "Page", 0, 0, 2**31 - 1),
        size=_number(query, "PageSize", 50, 1, 1000),
        token=token,
    )


def _number(query: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    value = query.get(name, "")
    if not value:
        return default
    if not re.fullmatch(r"\d{1,10}", value) or not low <= int(value) <= high:
        raise errors.malformed(f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def _token(kind: str, call: Call) -> str:
    place = f"{call.created_at!r} {call.number}".encode()
    return kind + base64.urlsafe_b64encode(place).decode().rstrip("=")


def _place(token: str) -> Place:
    try:
        if not token.startswith(("PA", "PB")):
            raise ValueError
        padded = token[2:] + "=" * (-len(token[2:]) % 4)
        moment, number = base64.b64decode(padded, b"-_", validate=True).split()
        return float(moment), int(number)
    except ValueError:
        raise errors.malformed("PageToken is not one this API gave out.") from None


def _filter(name: str, value: str) -> Wanted | None:
    """Return the test a filter stands for; a name that is no filter is ignored."""
    match name:
        case "Status":
            if value not in CALL_STATUSES:
                raise errors.invalid(f"Status must be one of {', '.join(CALL_STATUSES)}.")
            return lambda call, now: call.status(now) == value
        case "To":
            return lambda call, now: call.to == value
        case "From":
            return lambda call, now: call.from_ == value
        case "ParentCallSid":
            return lambda call, now: call.parent_call_sid == value
        case "StartTime" | "StartTime<" | "StartTime>":
            return _time_filter(name, value, lambda call, now: call.started_at(now))
        case "EndTime" | "EndTime<" | "EndTime>":
            return _time_filter(name, value, lambda call, now: call.ended_at)
    return None


def _time_filter(name: str, value: str, time_of: Callable[[Call, float], float | None]) -> Wanted:
    """Compare in whole seconds, as the records show them.

    A bare date stands for its whole day when it is looked for, and for its first second when calls before or
    after it are.
    """
    second, is_date = _moment(name, value)
    span = range(second, second + (_DAY if is_date else 1))

    def wanted(call: Call, now: float) -> bool:
        moment = time_of(call, now)
        if moment is None:
            return False
        if name.endswith("<"):
            return int(moment) < second
        if name.endswith(">"):
            return int(moment) > second
        return int(moment) in span

    return wanted


def _moment(name: str, value: str) -> tuple[int, bool]:
    """Read an RFC 2822 time or a date; without a zone it is GMT."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return calendar.timegm(datetime.date.fromisoformat(value).timetuple()), True
        return calendar.timegm(email.utils.parsedate_to_datetime(value).utctimetuple()), False
    except (ValueError, OverflowError):
        raise errors.invalid(f"{name} must be an RFC 2822 time or a date as YYYY-MM-DD.") from None
