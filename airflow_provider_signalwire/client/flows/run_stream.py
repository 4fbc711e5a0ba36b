"""Wait until a stream's call ends, at most until a deadline, and stop the stream."""

from __future__ import annotations

import time
from dataclasses import dataclass

from airflow_provider_signalwire.client.flows.stop import StopResult
from airflow_provider_signalwire.client.flows.wait import CallPoller, PollSchedule, StreamPoller, wait_until
from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireTimeoutError

CALL_ENDED = "call_ended"
MAX_DURATION = "max_duration"

_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class StreamEnd:
    """How a stream ended.

    :param reason: ``call_ended`` or ``max_duration``; None if there is an error.
    :param stop: The result of the stop; None if the stop failed, so that the stream may be running.
    :param error: Why the wait or the stop failed.
    """

    reason: str | None
    stop: StopResult | None
    error: SignalWireError | None = None


def run_stream(
    call: CallPoller, stream: StreamPoller, schedule: PollSchedule, *, stop_timeout: float, retry_after: float = 0.0
) -> Flow[StreamEnd]:
    """Wait and stop; whatever ends the wait, the stream is stopped.

    A stream's own end cannot be seen, because SignalWire has no endpoint that reads a stream.

    :param call: Polls the call until it has ended.
    :param stream: Polls the stream until it has stopped.
    :param schedule: When to poll the call, and until when.
    :param stop_timeout: Seconds to wait until the stream has stopped.
    :param retry_after: Seconds that the last response asked to wait.
    """
    reason: str | None = CALL_ENDED
    error: SignalWireError | None = None
    try:
        yield from wait_until(call, schedule, polled_before=True, retry_after=retry_after)
    except SignalWireError as failure:
        if isinstance(failure, SignalWireTimeoutError) and failure.limit == MAX_DURATION:
            reason = MAX_DURATION
        elif isinstance(failure, SignalWireTimeoutError):
            # Another try would start another stream: it would not resume this wait.
            message = f"{failure.limit!r} has passed before 'max_duration'. Raise it if the stream is to run longer."
            reason, error = None, SignalWireTimeoutError(message, limit=failure.limit)
        else:
            reason, error = None, failure
    try:
        stop = yield from stop_running_stream(stream, timeout=stop_timeout)
    except SignalWireError as failure:
        if error is not None:
            error.add_advice(_may_be_running(stream))
        return StreamEnd(None, None, error or failure)
    return StreamEnd(reason, stop, error)


def stop_running_stream(stream: StreamPoller, *, timeout: float) -> Flow[StopResult]:
    """Stop a stream and wait until it has stopped.

    :param timeout: Seconds.
    :raises SignalWireError: its message says that the stream may be running.
    """
    schedule = PollSchedule(poll_interval=_POLL_SECONDS, deadline=time.monotonic() + timeout, limit="stop_timeout")
    try:
        return (yield from wait_until(stream, schedule))
    except SignalWireError as failure:
        failure.add_advice(_may_be_running(stream))
        raise


def _may_be_running(stream: StreamPoller) -> str:
    return (
        f"Stream {mask_phone_numbers(repr(stream.stream_sid))} may be running on {stream.parent.noun} "
        f"{stream.parent_sid!r}. Stop it, or end the {stream.parent.noun}."
    )
