"""Start a media stream such that a success means exactly one stream, and a failure none or an error that says more.

Starting is not safe to repeat. When the response to a start is lost, the start may have been processed, or may still
be. The name, which the caller treats as its own on that call, is what such a stream can be stopped by.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from airflow_provider_signalwire.client.flows.stop import StopResult
from airflow_provider_signalwire.client.flows.wait import PollSchedule, StreamPoller, wait_until
from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, send
from airflow_provider_signalwire.client.protocol.records import StreamRecord, stream_matches
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import ADVICE_BY_CODE
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireNotFoundError, SignalWireRequestError

log = logging.getLogger(__name__)

CleanupOutcome = Literal["stopped", "call_ended", "not_found", "not_allowed"]

_CLEANUP_SECONDS = 30.0
_POLL_SECONDS = 0.5


class StreamStart:
    """One start of a stream, and what is known about streams that it may have left running.

    :param request: The start, as built by :func:`~…protocol.endpoints.start_call_stream`.
    :param account_sid: Project ID.
    :param call_sid: The call.
    :param name: The stream's name.
    :param may_stop: Called before a stream is stopped; False means that the name belongs to somebody else by now.
    :param unproven_since: When an earlier start under this name was sent whose outcome is unknown.
    """

    def __init__(
        self,
        request: ApiRequest[StreamRecord],
        *,
        account_sid: str,
        call_sid: str,
        name: str,
        may_stop: Callable[[], bool] = lambda: True,
        unproven_since: float | None = None,
    ) -> None:
        self.record: StreamRecord | None = None
        self._request = request
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._name = name
        self._may_stop = may_stop
        self._unproven_since = unproven_since
        self._in_flight_since: float | None = None

    @property
    def possibly_running_since(self) -> float | None:
        """When a start was sent that may have left a stream running, in seconds since the epoch."""
        return self._unproven_since or self._in_flight_since

    def run(self) -> Flow[ApiResponse[StreamRecord]]:
        """Start the stream.

        :raises SignalWireError: its message says so if a stream may be running.
        """
        if self._unproven_since is not None:
            yield from self._stop_leftover()
        log.info("Starting stream %s on call %r.", self._log_name, self._call_sid)
        self._in_flight_since = time.time()
        try:
            response = yield from send(self._request, recover=self._recover)
        except SignalWireError as failure:
            self._in_flight_since = None
            if self._unproven_since is not None:
                failure.add_advice(self.warning())
            raise
        self.record = response.record
        self._unproven_since = self._in_flight_since = None
        if not self._is_own_record:
            log.warning("The record is about another stream than the one started; its ids are not used.")
        return response

    def cleanup(self) -> Flow[CleanupOutcome]:
        """Stop what this start may have left running, and wait for it, so that its name is free again."""
        if not self._may_stop():
            return "not_allowed"
        poller = StreamPoller(self._account_sid, self._call_sid, self._stop_by, ignore_if_missing=True)
        schedule = PollSchedule(poll_interval=_POLL_SECONDS, deadline=time.monotonic() + _CLEANUP_SECONDS)
        result = yield from wait_until(poller, schedule)
        if result.outcome == "missing":
            return "not_found"  # this proves nothing: the start may still be processed
        return self._settle(result)

    def abandon(self, *, seconds: float) -> Flow[CleanupOutcome]:
        """Request the stop of what this start may have left running, because the task ends.

        A stream that is not found is looked for until the time is up: the start may still be processed.

        :param seconds: How long this may take.
        :raises SignalWireTimeoutError: if no stop was accepted.
        """
        if not self._may_stop():
            return "not_allowed"
        poller = _StopRequest(self._account_sid, self._call_sid, self._stop_by)
        schedule = PollSchedule(poll_interval=_POLL_SECONDS, deadline=time.monotonic() + seconds)
        return self._settle((yield from wait_until(poller, schedule)))

    def _settle(self, result: StopResult) -> CleanupOutcome:
        self._unproven_since = self._in_flight_since = self.record = None
        return "call_ended" if result.outcome == "already_ended" else "stopped"

    def warning(self) -> str:
        """Return the sentence that says what may be running."""
        since = datetime.fromtimestamp(self.possibly_running_since or time.time(), UTC).isoformat(timespec="seconds")
        return (
            f"A stream named {self._log_name} may be running on call {self._call_sid!r} since {since}. Stop it by that "
            "name, or end the call."
        )

    def _stop_leftover(self) -> Flow[None]:
        """Stop what an earlier start left running, before the name is used again."""
        warning = self.warning()
        log.warning("An earlier start has an unknown outcome. %s It is stopped first.", warning)
        try:
            yield from self.cleanup()
        except SignalWireError as error:
            error.add_advice(warning)
            raise

    def _recover(self, failure: SignalWireError) -> Flow[bool]:
        """Make sure that a failed start left no stream running; return whether to start again."""
        if failure.outcome == "not_processed":
            return failure.is_transient
        if failure.outcome == "refused" and self._unproven_since is None:
            if isinstance(failure, SignalWireRequestError) and failure.code not in ADVICE_BY_CODE:
                failure.add_advice(
                    f"If a stream named {self._log_name} already runs on this call, stop it or choose another name."
                )
            return False
        self._unproven_since = self._unproven_since or self._in_flight_since or time.time()
        log.warning("%s Stopping the stream named %s, in case it was started.", failure, self._log_name)
        try:
            outcome = yield from self.cleanup()
        except SignalWireError as error:
            failure.add_advice(f"The attempt to stop it failed: {error}")
            raise failure from None
        if outcome == "not_allowed":
            failure.add_advice("Airflow has given up this try; the stream's name belongs to the next one.")
            raise failure
        self._in_flight_since = time.time()
        # A refusal is the name in use, by an earlier attempt that was processed after all. Now the name is free.
        failure.is_transient |= isinstance(failure, SignalWireRequestError)
        return outcome != "call_ended" and failure.is_transient

    @property
    def _stop_by(self) -> str:
        return self.record["sid"] if self.record is not None and self._is_own_record else self._name

    @property
    def _is_own_record(self) -> bool:
        return self.record is not None and stream_matches(self.record, self._call_sid, self._name)

    @property
    def _log_name(self) -> str:
        return mask_phone_numbers(repr(self._name))


class _StopRequest(StreamPoller):
    """Requests a stop until one is accepted, without waiting for the stream to stop."""

    def poll(self, deadline: float | None) -> Flow[StopResult | None]:
        try:
            return (yield from self.request_stop(deadline))
        except SignalWireNotFoundError:
            return None
