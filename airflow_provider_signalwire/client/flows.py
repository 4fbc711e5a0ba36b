"""What takes more than one request, written once for both transports.

A flow is a generator: it yields the next step, and its driver sends back the record or throws the error.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from airflow_provider_signalwire.client import endpoints
from airflow_provider_signalwire.client.api_request import ApiRequest
from airflow_provider_signalwire.client.records import (
    CALL_LIVE_STATUSES,
    CallRecord,
    StreamRecord,
    call_has_ended,
    stream_is_stopped,
    stream_record_of_ended_call,
)
from airflow_provider_signalwire.client.secrecy import mask_phone_numbers
from airflow_provider_signalwire.client.stop_result import StopResult
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireCallEndedError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireTimeoutError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
RecordT = TypeVar("RecordT", StreamRecord, CallRecord)


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
    result = yield from _ask_for_stop(account_sid, call_sid, stream_sid, ignore_if_missing)
    result.tell()
    return result


def _ask_for_stop(account_sid: str, call_sid: str, stream_sid: str, ignore_if_missing: bool) -> Flow[StopResult]:
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


def look_at_stream(
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    *,
    ignore_if_missing: bool = False,
    last_status: str | None = None,
    read_call: bool = True,
) -> Flow[StreamRecord | None]:
    """Learn whether a stream has stopped: there is no way to look but to ask for the stop again.

    :param last_status: The status at the look before this one; only another one is worth a log line.
    :param read_call: Whether to read the call, too, of a stream that has not stopped.
    """
    result = yield from _ask_for_stop(account_sid, call_sid, stream_sid, ignore_if_missing)
    if read_call and result.record is not None and not stream_is_stopped(result.record):
        call: CallRecord = yield endpoints.get_call(account_sid, call_sid)
        if call_has_ended(call):
            record = stream_record_of_ended_call(call, call_sid=call_sid, stream_sid=stream_sid)
            result = result._replace(record=record, how="already_ended")
    if result.record is None or result.record["status"] != last_status:
        result.log(logging.INFO, call_sid, stream_sid)
    if result.record is None or stream_is_stopped(result.record):
        result.tell()
    return result.record


def wait_until_stream_stopped(
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    *,
    poll_interval: float,
    deadline: float,
    ignore_if_missing: bool = False,
    last_status: str | None = None,
) -> Flow[StreamRecord | None]:
    """Look at a stream until it has stopped.

    Each look asks for the stop again; every tenth also reads the call. SignalWire refuses the stop once the call has
    ended, so that is for the case only that it does not.

    :param poll_interval: Seconds between two looks, give or take a tenth.
    :param deadline: Seconds since the epoch at which to give up. It is the wall clock's, so that it holds
        in whatever process the wait goes on.
    :param last_status: The status at the look before this wait, if there was one; the wait then begins
        with a pause of at least half of ``poll_interval``.
    """
    read_call = itertools.cycle([False] * 9 + [True])
    return (
        yield from _wait(
            lambda last_status: look_at_stream(
                account_sid,
                call_sid,
                stream_sid,
                ignore_if_missing=ignore_if_missing,
                last_status=last_status,
                read_call=next(read_call),
            ),
            stream_is_stopped,
            waited_for=stop_of_stream(call_sid, stream_sid),
            poll_interval=poll_interval,
            deadline=deadline,
            last_status=last_status,
        )
    )


def look_at_call(
    account_sid: str, call_sid: str, target_statuses: Collection[str], *, last_status: str | None = None
) -> Flow[CallRecord]:
    """Read a call, and fail if it has ended in another way than one waited for.

    :param last_status: The status at the look before this one; only another one is worth a log line.
    """
    call: CallRecord = yield endpoints.get_call(account_sid, call_sid)
    if call["status"] not in target_statuses and call_has_ended(call):
        raise SignalWireCallEndedError(
            f"Call {call_sid!r} has ended as {call['status']!r}, so it will never be "
            f"{' or '.join(map(repr, target_statuses))}. If that is a good end too, add it to target_statuses."
        )
    if call["status"] != last_status:
        log.info("Waiting for %s: it is %r.", status_of_call(call_sid, target_statuses), call["status"])
    return call


def wait_for_call_status(
    account_sid: str,
    call_sid: str,
    target_statuses: Collection[str],
    *,
    poll_interval: float,
    deadline: float,
    last_status: str | None = None,
) -> Flow[CallRecord | None]:
    """Look at a call until its status is one of those waited for; see :func:`wait_until_stream_stopped`."""
    return (
        yield from _wait(
            lambda last_status: look_at_call(account_sid, call_sid, target_statuses, last_status=last_status),
            lambda call: call["status"] in target_statuses,
            waited_for=status_of_call(call_sid, target_statuses),
            poll_interval=poll_interval,
            deadline=deadline,
            last_status=last_status,
        )
    )


# Many that began to wait together should not go on to look together. The first pause does most of the spreading.
_FIRST_SPREAD = (0.5, 1.0)
_SPREAD = (0.9, 1.1)


def _wait(
    look: Callable[[str | None], Flow[RecordT | None]],
    is_done: Callable[[RecordT], bool],
    *,
    waited_for: str,
    poll_interval: float,
    deadline: float,
    last_status: str | None,
) -> Flow[RecordT | None]:
    spread = _FIRST_SPREAD
    while True:
        if last_status is not None:
            left = deadline - time.time()
            if left <= 0:
                raise SignalWireTimeoutError(timeout_message(waited_for, last_status))
            yield Pause(min(poll_interval * random.uniform(*spread), left))  # noqa: S311 - jitter needs no secrecy
        spread = _SPREAD
        record = yield from look(last_status)
        if record is None or is_done(record):
            return record
        last_status = record["status"]


def stop_of_stream(call_sid: str, stream_sid: str) -> str:
    """Name a stream's stop as what is waited for."""
    return f"stream {mask_phone_numbers(repr(stream_sid))} on call {call_sid!r} to stop"


def status_of_call(call_sid: str, target_statuses: Collection[str]) -> str:
    """Name a call's statuses as what is waited for."""
    return f"call {call_sid!r} to be {' or '.join(map(repr, target_statuses))}"


def timeout_message(waited_for: str, last_status: str | None) -> str:
    """Say what did not happen in time."""
    return (
        f"Gave up waiting for {waited_for}: its last status was {last_status!r} when the time was over. "
        "Raise 'timeout' if it needs longer; running the task again goes on waiting."
    )


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
