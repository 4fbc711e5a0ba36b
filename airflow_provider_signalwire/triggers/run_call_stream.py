"""Wait in the triggerer until a stream has to end, and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_signalwire.client.flows.run_stream import MAX_DURATION, StreamEnd, run_stream, stop_running_stream
from airflow_provider_signalwire.client.flows.wait import CallPoller, PollSchedule, StreamPoller
from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.protocol.records import CALL_ENDED_STATUSES
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.transport.shared_client import shared_client
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.hook_mixin import report_stop
from airflow_provider_signalwire.metrics import AIRFLOW_STATS
from airflow_provider_signalwire.triggers.base import PollingTrigger, connection_settings
from airflow_provider_signalwire.triggers.events import error_event, success_event

log = logging.getLogger(__name__)

# Airflow gives on_kill 30 seconds. What is left is for the lookup of the connection, and for a free connection.
_KILL_SECONDS = 20.0
_MAX_KILL_SECONDS = 30.0


@dataclass(kw_only=True, eq=False, repr=False)
class RunCallStreamTrigger(PollingTrigger):
    """Wait until the call ends or the deadline has passed, then stop the stream and wait until it has stopped.

    If a user marks the deferred task or clears it, the stream is stopped, too (Airflow 3.3 and newer). The other
    parameters are those of :class:`.PollingTrigger`.

    :param call_sid: The call.
    :param stream_sid: What the stream is stopped by: its SID or its name.
    :param stream_status: The status in the start's record; None if the stream is known by its name only.
    :param stop_timeout: Seconds to wait until the stream has stopped.
    :param deadline: Seconds since the epoch at which ``max_duration`` has passed.
    """

    call_sid: str
    stream_sid: str
    stream_status: str | None
    stop_timeout: float

    def make_poller(self, account_sid: str) -> CallPoller:
        """Return what polls the call until it has ended."""
        return CallPoller(account_sid, self.call_sid, sorted(CALL_ENDED_STATUSES), last_status=self.last_status)

    def make_wait(self, poller: CallPoller) -> Flow[StreamEnd]:
        """Return the flow that waits and stops the stream."""
        stream = self._make_stream_poller(poller.account_sid)
        return run_stream(
            poller, stream, self._schedule(), stop_timeout=self.stop_timeout, retry_after=self.retry_after
        )

    def make_event(self, result: StreamEnd) -> dict[str, Any]:
        """Log and count the stop, and return the event with the stream's record and the reason."""
        if result.stop is not None:
            report_stop(result.stop, self.call_sid, self.stream_sid)
        if result.error is not None or result.stop is None:
            error = result.error or SignalWireError("The stream was not stopped.")
            return {**error_event(error), "stopped": result.stop is not None}
        event = success_event(result.stop.record, call_sid=self.call_sid, stream_sid=self.stream_sid)
        return {**event, "reason": result.reason}

    async def on_kill(self) -> None:
        """Stop the stream: a user has marked the task failed or successful, or cleared it."""
        stop = asyncio.create_task(self._stop_stream())
        # Airflow cancels a trigger every second until it has ended. A retry of the stop takes longer.
        while not stop.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([stop])
        await stop

    async def _stop_stream(self) -> None:
        try:
            async with asyncio.timeout(_MAX_KILL_SECONDS):
                settings = await connection_settings(self.signalwire_conn_id)
                account_sid = self.account_sid if self.account_sid is not None else settings.project_id
                async with shared_client(settings, observer=AIRFLOW_STATS) as client:
                    flow = stop_running_stream(self._make_stream_poller(account_sid), timeout=_KILL_SECONDS)
                    stop = await client.run(flow)
            report_stop(stop, self.call_sid, self.stream_sid)
        except Exception as error:
            log.error(
                "The task was ended by a user, and stream %s on call %r could not be stopped: %s",
                *(mask_phone_numbers(repr(self.stream_sid)), self.call_sid),
                error if isinstance(error, SignalWireError) else f"{type(error).__name__}. It may be running.",
            )

    def _make_stream_poller(self, account_sid: str) -> StreamPoller:
        return StreamPoller(account_sid, self.call_sid, self.stream_sid, last_status=self.stream_status)

    def _schedule(self) -> PollSchedule:
        schedule = super()._schedule()
        return replace(schedule, limit=MAX_DURATION) if schedule.limit == "timeout" else schedule
