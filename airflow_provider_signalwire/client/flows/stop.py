"""What takes more than one request, written once for both transports.

A flow is a generator: it yields the next step, and its driver sends back the record or throws the error.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from airflow_provider_signalwire.client.flows.stop_result import StopResult
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import (
    CALL_LIVE_STATUSES,
    CallRecord,
    StreamRecord,
    call_has_ended,
    stream_record_of_ended_call,
)
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireNotFoundError,
    SignalWireRequestError,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """A step in which nothing is sent for some seconds."""

    seconds: float


Flow = Generator[ApiRequest | Pause, Any, T]

# What the API answers when it understood a stop and will not do it, perhaps because nothing is left to stop.
_STOP_REFUSALS = frozenset({400, 404, 409, 422})


def just(request: ApiRequest) -> Flow[Any]:
    """Send one request and return its record."""
    return (yield request)


def stop_stream(
    account_sid: str, call_sid: str, stream_sid: str, *, ignore_if_missing: bool = False
) -> Flow[StreamRecord | None]:
    """Ask for a stream's stop, log it, and return the stream's record; see :func:`stop_stream_and_tell_how`."""
    result = yield from stop_stream_and_tell_how(account_sid, call_sid, stream_sid, ignore_if_missing=ignore_if_missing)
    result.log(logging.INFO, call_sid, stream_sid)
    return result.record


def stop_stream_and_tell_how(
    account_sid: str, call_sid: str, stream_sid: str, *, ignore_if_missing: bool = False
) -> Flow[StopResult]:
    """Ask for a stream's stop; a refused stop of a stream whose call has ended is a fulfilled wish.

    :param ignore_if_missing: Return no record, instead of raising, when there is no such stream or call.
    """
    result = yield from ask_for_stop(account_sid, call_sid, stream_sid, ignore_if_missing)
    result.tell()
    return result


def ask_for_stop(account_sid: str, call_sid: str, stream_sid: str, ignore_if_missing: bool) -> Flow[StopResult]:
    """Ask for a stream's stop, and let no observer know."""
    request = endpoints.stop_call_stream(account_sid, call_sid, stream_sid)
    try:
        record: StreamRecord = yield request
    except (SignalWireNotFoundError, SignalWireRequestError) as refusal:
        if refusal.http_status not in _STOP_REFUSALS:
            raise
        found = yield from _after_refusal(refusal, account_sid, call_sid, stream_sid)
        if found is None and not (ignore_if_missing and refusal.http_status == 404):
            raise
        return StopResult(found, "missing" if found is None else "already_ended", request.delivery)
    return StopResult(record, "stopped", request.delivery)


def _after_refusal(
    refusal: SignalWireApiError, account_sid: str, call_sid: str, stream_sid: str
) -> Flow[StreamRecord | None]:
    """Look at the call to tell a stream that is gone with its call from one that should be there.

    :return: the record of a stream that is gone with its call.
    """
    try:
        call: CallRecord = yield endpoints.get_call(account_sid, call_sid)
    except SignalWireNotFoundError:
        refusal.add_advice(f"There is no call {call_sid!r}.")
    else:
        if call_has_ended(call):
            return stream_record_of_ended_call(call, call_sid=call_sid, stream_sid=stream_sid)
        known = call["status"] in CALL_LIVE_STATUSES
        refusal.add_advice(f"The call is {call['status']!r}." if known else "The call's state is unknown.")
    return None


@dataclass(kw_only=True)
class CallPager:
    """Where a listing of calls stands, page by page.

    :param first: The request for the first page.
    :param limit: How many calls to return at the most; None means all.
    """

    first: ApiRequest
    limit: int | None = None

    def __post_init__(self) -> None:
        self._next: ApiRequest | None = self.first if self.limit is None or self.limit > 0 else None
        self._returned = 0

    @property
    def exhausted(self) -> bool:
        """Whether there is no further page."""
        return self._next is None

    def next_page(self) -> Flow[list[CallRecord]]:
        """Fetch a page and return its calls."""
        request = cast("ApiRequest", self._next)
        page = yield request
        uri = page.get("next_page_uri")
        # A page that names itself as the next one would never end.
        self._next = endpoints.next_page_of_calls(uri) if uri and uri != request.path else None
        calls: list[CallRecord] = page["calls"]
        if self.limit is not None:
            calls = calls[: self.limit - self._returned]
            self._returned += len(calls)
            if self._returned >= self.limit:
                self._next = None
        return calls
