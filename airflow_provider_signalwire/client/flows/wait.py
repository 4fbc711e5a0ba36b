"""Poll a stream or a call until it has the status waited for, or until a deadline.

Operators, all modes of the sensors, triggers and restarts of a stream use the same wait.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from airflow_provider_signalwire.client.flows.stop import StopResult, stop_stream
from airflow_provider_signalwire.client.policy.steps import Flow, Pause, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import (
    CallRecord,
    Record,
    StreamRecord,
    call_matches,
    stream_is_stopped,
)
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, StreamParent
from airflow_provider_signalwire.exceptions import (
    SignalWireCallEndedError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireTimeoutError,
)

log = logging.getLogger(__name__)

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_LAST_POLL_SECONDS = 2.0

# Many waits that began together should not poll together. The first pause does most of the spreading.
_FIRST_JITTER = (0.5, 1.0)
_JITTER = (0.9, 1.1)


class Poller(Protocol[R_co]):
    """Something to poll."""

    last_status: str | None

    def poll(self, deadline: float | None) -> Flow[R_co | None]:
        """Poll once; return the result, or None if it is not there yet."""

    @property
    def condition(self) -> str:
        """What is waited for, for messages."""


@dataclass(frozen=True, kw_only=True)
class PollSchedule:
    """When to poll, and until when.

    :param poll_interval: Seconds between two polls, ±10 %.
    :param deadline: Monotonic time at which to give up.
    :param limit: The parameter that set the deadline; empty if none did.
    :param exponential_backoff: Whether each interval is twice as long as the one before it.
    :param max_wait: Longest interval in seconds.
    :param silent_fail: Whether errors that are not transient are logged, too, instead of ending the wait; those that
        retrying cannot fix always end it.
    """

    poll_interval: float
    deadline: float
    limit: str = "timeout"
    exponential_backoff: bool = False
    max_wait: float | None = None
    silent_fail: bool = False

    def interval(self, number: int) -> float:
        """Return the seconds between one poll and the next, the first interval being number 0."""
        seconds = self.poll_interval * (2 ** min(number, 32) if self.exponential_backoff else 1)
        if self.max_wait is not None:
            seconds = min(seconds, self.max_wait)
        return seconds * random.uniform(*(_JITTER if number else _FIRST_JITTER))  # noqa: S311 - not for secrecy

    def pause(self, number: int, retry_after: float) -> Pause:
        """Return the pause between two polls: as long as a response asked for, but at most until the deadline."""
        left = max(0.0, self.deadline - time.monotonic())
        return Pause(min(max(self.interval(number), retry_after), left))

    def tolerates(self, error: SignalWireError) -> bool:
        """Return whether the wait goes on after a failed poll."""
        return error.is_transient or (self.silent_fail and not error.ends_task)


def poll_once(
    poller: Poller[R], schedule: PollSchedule, *, previous: SignalWireError | None = None
) -> Flow[tuple[R | None, SignalWireError | None]]:
    """Poll once; return the result if there is one, or the failure if the wait goes on after it.

    :param previous: The failure of the poll before this one; another of the same kind is logged in short.
    """
    try:
        # A poll that begins at the deadline needs time, too.
        deadline = max(schedule.deadline, time.monotonic() + _LAST_POLL_SECONDS)
        return (yield from poller.poll(deadline)), None
    except SignalWireError as error:
        if not schedule.tolerates(error):
            raise
        if type(error) is type(previous):
            log.info("The poll failed again (%s).", type(error).__name__)
        else:
            log.warning("%s Polling goes on until the deadline.", error)
        return None, error


def poll_before_deferring(poller: Poller[R], schedule: PollSchedule) -> Flow[tuple[R | None, float]]:
    """Poll once; return the result, or None and the seconds that the response asked to wait.

    :raises SignalWireTimeoutError: if the deadline has passed by then.
    """
    result, failure = yield from poll_once(poller, schedule)
    if result is None and time.monotonic() >= schedule.deadline:
        raise timeout_error(poller, schedule.limit, failure)
    return result, retry_after_of(failure)


def wait_until(
    poller: Poller[R], schedule: PollSchedule, *, polled_before: bool = False, retry_after: float = 0.0
) -> Flow[R]:
    """Poll until there is a result.

    A transient failure never ends the wait before its deadline; any other error ends it at once. The last poll is at
    the deadline, whatever a response asked for.

    :param polled_before: Whether the wait goes on after an earlier poll, so that it begins with a pause.
    :param retry_after: Seconds that the response to the earlier poll asked to wait.
    :raises SignalWireTimeoutError: at the deadline.
    """
    failure: SignalWireError | None = None
    pauses = 0
    if polled_before:
        yield schedule.pause(pauses, retry_after)
        pauses += 1
    while True:
        # A wait that goes on after its deadline, because the triggerer was away, still polls once.
        result, failure = yield from poll_once(poller, schedule, previous=failure)
        if result is not None:
            return result
        if time.monotonic() >= schedule.deadline:
            raise timeout_error(poller, schedule.limit, failure)
        yield schedule.pause(pauses, retry_after_of(failure))
        pauses += 1


def retry_after_of(failure: SignalWireError | None) -> float:
    """Return the seconds that the response to a failed poll asked to wait."""
    return (failure.retry_after if failure else None) or 0.0


def timeout_error(poller: Poller[object], limit: str, failure: SignalWireError | None = None) -> SignalWireTimeoutError:
    """Return the error for a wait that reached its deadline."""
    last = f"its last status was {poller.last_status!r}" if poller.last_status else "no poll returned a status"
    failed = f" The last poll failed: {failure}" if failure is not None else ""
    advice = f" Raise {limit!r} if it needs longer; rerunning the task resumes the wait." if limit else ""
    return SignalWireTimeoutError(
        f"Gave up waiting for {poller.condition} at the deadline: {last}.{failed}{advice}", limit=limit
    )


@dataclass
class StreamPoller:
    """Polls a stream by repeating its stop, because SignalWire has no endpoint that reads a stream.

    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID or its name; replaced by the SID of the first accepted stop's record.
    :param last_status: Status at the last accepted stop, if there was one.
    :param parent: What the stream belongs to.
    :param start: The start of the stream, if it is known: a response may quote it.
    """

    account_sid: str
    parent_sid: str
    stream_sid: str
    ignore_if_missing: bool = False
    last_status: str | None = None
    parent: StreamParent = CALL
    start: ApiRequest[StreamRecord] | None = None
    _has_warned: bool = False

    @property
    def condition(self) -> str:
        """What is waited for, for messages."""
        stream = mask_phone_numbers(repr(self.stream_sid))
        return f"stream {stream} on {self.parent.noun} {self.parent_sid!r} to stop"

    def poll(self, deadline: float | None) -> Flow[StopResult | None]:
        """Request the stop; if the stream is still running, also read its call or conference, with which it ends."""
        result = yield from self.request_stop(deadline)
        if result.record is None or stream_is_stopped(result.record):
            return result
        parent: Record | None = None
        request = endpoints.get_stream_parent(self.parent, self.account_sid, self.parent_sid, start=self.start)
        try:
            parent = (yield from send(request, deadline=deadline)).record
        except SignalWireNotFoundError:
            noun = self.parent.noun.capitalize()
            log.info("%s %r was deleted after it had accepted the stop.", noun, self.parent_sid)
        if parent is not None and not self.parent.has_ended(parent):
            return None
        record = self.parent.stopped_stream(self.account_sid, self.parent_sid, self.stream_sid, ended=parent)
        return result._replace(record=record, outcome="already_ended")

    def request_stop(self, deadline: float | None = None) -> Flow[StopResult]:
        """Request the stop and remember the response."""
        result = yield from stop_stream(
            self.account_sid,
            self.parent_sid,
            self.stream_sid,
            parent=self.parent,
            ignore_if_missing=self.ignore_if_missing,
            accepted_before=self.last_status is not None,
            deadline=deadline,
            start=self.start,
        )
        if result.record is not None and result.outcome == "stopped":
            self._remember(result, result.record)
        return result

    def _remember(self, result: StopResult, record: StreamRecord) -> None:
        if result.is_same_stream:
            self.stream_sid = record["sid"]
        elif not self._has_warned:
            self._has_warned = True
            log.warning("The record is about another stream than the one requested; its ids are not used.")
        if record["status"] != self.last_status and not stream_is_stopped(record):
            log.info("%s Waiting for it to stop.", result.describe(self.parent_sid, self.stream_sid))
        self.last_status = record["status"]


@dataclass
class CallPoller:
    """Reads a call until it has one of the target statuses."""

    account_sid: str
    call_sid: str
    target_statuses: Collection[str]
    last_status: str | None = None
    _has_warned: bool = False

    @property
    def condition(self) -> str:
        """What is waited for, for messages."""
        is_end = CALL.ended_statuses == set(self.target_statuses)
        return f"call {self.call_sid!r} to {'end' if is_end else f'be {self._targets}'}"

    @property
    def _targets(self) -> str:
        return " or ".join(map(repr, self.target_statuses))

    def poll(self, deadline: float | None) -> Flow[CallRecord | None]:
        """Read the call.

        :raises SignalWireCallEndedError: if it has ended in another status.
        """
        call, _ = yield from send(endpoints.get_call(self.account_sid, self.call_sid), deadline=deadline)
        if not call_matches(call, self.call_sid) and not self._has_warned:
            self._has_warned = True
            log.warning("The record is about another call than the one requested.")
        if call["status"] in self.target_statuses:
            return call
        if CALL.has_ended(call):
            raise SignalWireCallEndedError(
                f"Call {self.call_sid!r} has ended as {call['status']!r}, so it will never be {self._targets}. If that "
                "status is acceptable, add it to target_statuses."
            )
        if call["status"] != self.last_status:
            log.info("Call is %s: waiting for %s.", call["status"], self.condition)
        self.last_status = call["status"]
        return None
