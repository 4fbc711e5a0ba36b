"""Looking at a stream or a call, once or until a deadline."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from airflow_provider_signalwire.client.flows.stop import Flow, Pause, ask_for_stop
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import (
    CallRecord,
    StreamRecord,
    call_has_ended,
    stream_is_stopped,
    stream_record_of_ended_call,
)
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireCallEndedError, SignalWireTimeoutError

log = logging.getLogger(__name__)

RecordT = TypeVar("RecordT", StreamRecord, CallRecord)


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
    result = yield from ask_for_stop(account_sid, call_sid, stream_sid, ignore_if_missing)
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

    Each look asks for the stop again; every twentieth also reads the call. SignalWire refuses the stop once the call
    has ended, so that is for the case only that it does not.

    :param poll_interval: Seconds between two looks, give or take a tenth.
    :param deadline: Seconds since the epoch at which to give up. It is the wall clock's, so that it holds
        in whatever process the wait goes on.
    :param last_status: The status at the look before this wait, if there was one; the wait then begins
        with a pause of at least half of ``poll_interval``.
    """
    read_call = itertools.cycle([False] * 19 + [True])
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
