"""Start a media stream. Success means exactly one stream; failure means none, or an error that says one may be running.

Starting is not safe to repeat. When the response to a start is lost, the start may have been processed, or may still
be. The name, which the caller treats as its own on that call, is what such a stream can be stopped by.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar

from airflow_provider_signalwire.client.flows.stop import StopResult
from airflow_provider_signalwire.client.flows.wait import PollSchedule, StreamPoller, wait_until
from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, send
from airflow_provider_signalwire.client.protocol.filters import parse_datetime
from airflow_provider_signalwire.client.protocol.records import StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import ADVICE_BY_CODE
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, StreamParent
from airflow_provider_signalwire.exceptions import (
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
)

log = logging.getLogger(__name__)

P = TypeVar("P", bound=StreamPoller)

CleanupOutcome = Literal["stopped", "call_ended", "not_found", "not_allowed"]

_CLEANUP_SECONDS = 30.0
_POLL_SECONDS = 0.5
_MAX_CLOCK_DIFFERENCE = 60.0  # seconds between SignalWire's clock and this machine's

_GIVEN_UP = "Airflow has given up this try; the stream's name belongs to the next one."


class StreamStart:
    """One start of a stream, and what is known about streams that it may have left running.

    :param request: The start, as ``stream_endpoints.start_stream`` builds it.
    :param account_sid: Project ID.
    :param parent_sid: SID of the call or conference.
    :param name: The stream's name.
    :param parent: What the stream belongs to.
    :param may_stop: Called before a stream is stopped; False means that the name belongs to the next try by now.
    :param unproven_since: When an earlier start under this name was sent whose outcome is unknown.
    """

    def __init__(
        self,
        request: ApiRequest[StreamRecord],
        *,
        account_sid: str,
        parent_sid: str,
        name: str,
        parent: StreamParent = CALL,
        may_stop: Callable[[], bool] = lambda: True,
        unproven_since: float | None = None,
    ) -> None:
        self.record: StreamRecord | None = None
        self._request = request
        self._account_sid = account_sid
        self._parent = parent
        self._parent_sid = parent_sid
        self._name = name
        self._may_stop = may_stop
        # When each start was sent that may have left a stream running, or still may: one stop is proof for one of them.
        self._unproven = [] if unproven_since is None else [unproven_since]
        # What a stop may return that proves nothing: streams stopped before, and, if it found none, the name.
        self._stopped_sids = {name}
        # When the first start was sent that SignalWire returned 429 for, and so has not processed, as it documents.
        self._rate_limited_since: float | None = None

    @property
    def possibly_running_since(self) -> float | None:
        """When the first start was sent that may have left a stream running, in seconds since the epoch."""
        return self._unproven[0] if self._unproven else None

    @property
    def stop_by(self) -> str:
        """What the stream can be stopped by: its SID, or its name if the record is about another stream."""
        return record["sid"] if (record := self._own_record) else self._name

    def run(self) -> Flow[ApiResponse[StreamRecord]]:
        """Start the stream.

        :raises SignalWireError: its message says so if a stream may be running.
        """
        if self._unproven:
            yield from self._stop_leftover()
        log.info("Starting stream %s on %s %r.", self._log_name, self._parent.noun, self._parent_sid)
        try:
            response = yield from send(self._request, recover=self._recover, on_attempt=self._on_attempt)
        except SignalWireError as failure:
            if self._unproven:
                failure.add_advice(self.warning())
            elif self._rate_limited_since is not None:
                failure.add_advice(self._rate_limit_note())
            raise
        self.record = response.record
        self._unproven.clear()  # the name is taken: no earlier start can still be processed
        if self._own_record is None:
            log.warning("The record is about another stream than the one started; its ids are not used.")
        return response

    def abandon(self, *, seconds: float) -> Flow[CleanupOutcome]:
        """Request the stop of what this start may have left running, because the task ends.

        A stream that is not found is looked for until the time is up, also if a stop returns one that was stopped
        before: the start may still be processed.

        :param seconds: How long this may take.
        :raises SignalWireTimeoutError: if no stop was accepted.
        """
        poller = self._poller(_StopRequest)
        poller.was_stopped_before = self._was_stopped_before
        return (yield from self._stop(poller, seconds))

    def make_poller(self) -> StreamPoller:
        """Return a poller of the started stream; to it, a stream that is not found has stopped."""
        poller = self._poller(StreamPoller)
        poller.last_status = record["status"] if (record := self._own_record) else None
        return poller

    def warning(self) -> str:
        """Return the sentence that says what may be running."""
        stream = self._possible_stream(self.possibly_running_since or time.time())
        return f"A {stream}. Stop it by that name, or end the {self._parent.noun}."

    def _on_attempt(self) -> None:
        self._unproven.append(time.time())

    def _recover(self, failure: SignalWireError) -> Flow[bool]:
        """Make sure that a failed start left no stream running; return whether to start again."""
        if failure.outcome != "unknown":
            self._forget_attempt(failure)
        if failure.outcome == "not_processed":
            return failure.is_transient
        if not self._unproven:
            self._advise_on_refusal(failure)
            return False
        outcome = yield from self._cleanup_after(failure)
        if failure.outcome == "refused":
            # The name may have been in use, by an earlier attempt that was processed after all.
            return isinstance(failure, SignalWireRequestError) and outcome == "stopped"
        return failure.is_transient and outcome != "call_ended"

    def _forget_attempt(self, failure: SignalWireError) -> None:
        """Note that the latest attempt started no stream."""
        sent_at = self._unproven.pop()
        if isinstance(failure, SignalWireRateLimitError):
            self._rate_limited_since = self._rate_limited_since or sent_at

    def _advise_on_refusal(self, failure: SignalWireError) -> None:
        if isinstance(failure, SignalWireRequestError) and failure.code not in ADVICE_BY_CODE:
            failure.add_advice(
                f"If a stream named {self._log_name} already runs on this {self._parent.noun}, stop it or choose "
                "another name."
            )

    def _cleanup_after(self, failure: SignalWireError) -> Flow[CleanupOutcome]:
        """Stop what a failed start may have left running; if that fails, raise the failure of the start."""
        # The failure itself is logged or raised later, in full.
        log.warning(
            "Stopping the stream named %s, in case it was started (%s).", self._log_name, type(failure).__name__
        )
        try:
            outcome = yield from self._cleanup()
        except SignalWireError as error:
            failure.add_advice(f"The attempt to stop it failed: {error}")
            raise failure from None
        if outcome == "not_allowed":
            failure.add_advice(_GIVEN_UP)
            raise failure
        return outcome

    def _stop_leftover(self) -> Flow[None]:
        """Stop what an earlier start left running, before the name is used again."""
        warning = self.warning()
        log.warning("An earlier start has an unknown outcome. %s It is stopped first.", warning)
        try:
            outcome = yield from self._cleanup()
        except SignalWireError as error:
            error.add_advice(warning)
            raise
        if outcome == "not_allowed":
            raise SignalWireError(f"Stream {self._log_name} was not started. {_GIVEN_UP} {warning}")

    def _cleanup(self) -> Flow[CleanupOutcome]:
        """Stop what this start may have left running, and wait for it, so that its name is free again."""
        return (yield from self._stop(self._poller(StreamPoller, ignore_if_missing=True), _CLEANUP_SECONDS))

    def _stop(self, poller: StreamPoller, seconds: float) -> Flow[CleanupOutcome]:
        if not self._may_stop():
            return "not_allowed"
        schedule = PollSchedule(poll_interval=_POLL_SECONDS, deadline=time.monotonic() + seconds, limit="")
        result = yield from wait_until(poller, schedule)
        if result.outcome == "missing":
            return "not_found"  # this proves nothing: the start may still be processed
        self.record = self._rate_limited_since = None
        if result.outcome == "already_ended":
            self._unproven.clear()
            return "call_ended"
        if self._was_stopped_before(result):
            return "not_found"
        if result.record is not None:
            self._stopped_sids.add(result.record["sid"])
        del self._unproven[-1:]  # whichever start it was, the warning names the earliest time
        return "stopped"

    def _was_stopped_before(self, result: StopResult) -> bool:
        """Return whether a stop returned a stream that cannot be of a start whose outcome is unknown.

        It was stopped by an earlier stop, or was last updated before the first of these starts, by an earlier task.
        """
        if result.record is None or result.outcome != "stopped" or not self._unproven:
            return False
        updated = parse_datetime(str(result.record.get("date_updated")))
        cutoff = self._unproven[0] - _MAX_CLOCK_DIFFERENCE
        is_earlier = updated is not None and updated.tzinfo is not None and updated.timestamp() < cutoff
        return is_earlier or result.record["sid"] in self._stopped_sids

    def _poller(self, poller_class: type[P], *, ignore_if_missing: bool = False) -> P:
        return poller_class(
            self._account_sid,
            self._parent_sid,
            self.stop_by,
            ignore_if_missing=ignore_if_missing,
            parent=self._parent,
            start=self._request,
        )

    @property
    def _own_record(self) -> StreamRecord | None:
        """The record, unless it is about another stream."""
        if self.record is None:
            return None
        name = self.record.get("name") or self._name  # a name that is null does not contradict
        is_own = self._parent.stream_matches({**self.record, "name": name}, self._parent_sid, self._name)
        return self.record if is_own else None

    def _rate_limit_note(self) -> str:
        stream = self._possible_stream(self._rate_limited_since or time.time())
        return f"SignalWire documents that a request is not processed if it returns 429. If this one was, a {stream}."

    def _possible_stream(self, since: float) -> str:
        time_text = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        place = f"{self._parent.noun} {self._parent_sid!r}"
        return f"stream named {self._log_name} may be running on {place} since {time_text}"

    @property
    def _log_name(self) -> str:
        return mask_phone_numbers(repr(self._name))


class _StopRequest(StreamPoller):
    """Requests a stop until one is accepted, without waiting for the stream to stop."""

    was_stopped_before: Callable[[StopResult], bool]

    def poll(self, deadline: float | None) -> Flow[StopResult | None]:
        stop_by, last_status = self.stream_sid, self.last_status
        try:
            result = yield from self.request_stop(deadline)
        except SignalWireNotFoundError:
            return None
        if not self.was_stopped_before(result):
            return result
        self.stream_sid, self.last_status = stop_by, last_status
        return None
