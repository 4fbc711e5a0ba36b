"""Stopping the streams of a batch, many at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_signalwire.batch.background_loop import BackgroundLoop
from airflow_provider_signalwire.batch.observer import QueuedObserver
from airflow_provider_signalwire.exceptions import SignalWireAuthenticationError, SignalWireError
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.checkpoint import BatchCheckpoint
    from airflow_provider_signalwire.batch.rows import StreamRow
    from airflow_provider_signalwire.batch.summary import BatchSummary
    from airflow_provider_signalwire.client.config.settings import ClientSettings
    from airflow_provider_signalwire.client.flows.stop import StopResult

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0
SAVE_SECONDS = 1.0

_MAX_METRICS_SECONDS_AT_END = 2.0

NumberedRow = tuple[int, "StreamRow"]


@dataclass(kw_only=True, repr=False)
class StreamBatch:
    """Stops the streams of a batch in a background event loop; the calling thread does the bookkeeping.

    :param settings: The connection.
    :param account_sid: The project that the streams belong to.
    :param rows: The streams.
    :param summary: Counts the outcomes.
    :param checkpoint: Knows which streams an earlier try has finished.
    :param max_concurrency: Maximum number of streams processed concurrently.
    :param max_requests: Maximum number of stops sent within any period.
    :param period: Length of the period in seconds.
    :param ignore_if_missing: Whether a missing stream counts as success.
    :param max_stops: Maximum number of stops that SignalWire accepts; None means no limit.
    :ivar retries: Number of requests that were sent again.
    :ivar limit_reached: Whether streams are left because of ``max_stops``.
    """

    settings: ClientSettings
    account_sid: str
    rows: Iterable[StreamRow]
    summary: BatchSummary
    checkpoint: BatchCheckpoint
    max_concurrency: int = 128
    max_requests: int = 13_500
    period: float = 10.0
    ignore_if_missing: bool = True
    max_stops: int | None = None

    def __post_init__(self) -> None:
        self.retries = 0
        self.limit_reached = False
        self._loop = BackgroundLoop(self._stop_all, on_tick=self._on_tick)
        # The event loop appends, the calling thread takes; both are atomic.
        self._outcomes: deque[tuple[NumberedRow, StopResult | Exception]] = deque()
        self._observer = QueuedObserver(AIRFLOW_STATS)
        self._has_logged_unexpected = False
        self._next_progress = time.monotonic() + PROGRESS_SECONDS
        self._next_save = time.monotonic() + SAVE_SECONDS

    def run(self) -> None:
        """Stop the streams.

        :raises SignalWireAuthenticationError: if SignalWire refuses the login.
        :raises SignalWireError: if the batch was cancelled.
        """
        # Imported when a task runs, so that parsing a DAG file loads no HTTP library.
        from airflow_provider_signalwire.client.policy.tracing import batch_span

        try:
            with batch_span().as_current():  # the loop's thread copies this context
                self._loop.run()
        except asyncio.CancelledError:
            self._take_outcomes()
            self.checkpoint.save()
            raise SignalWireError(f"The batch was cancelled. {self.summary.progress()}") from None
        except SignalWireAuthenticationError as error:
            self._take_outcomes()
            error.add_advice(f"The batch ended. {self.summary.progress()}")
            raise
        except BaseException:
            self._take_outcomes()
            log.info("The batch was interrupted. %s", self.summary.progress())
            raise
        self._take_outcomes()
        self.checkpoint.save()
        self._observer.pass_on(max_seconds=_MAX_METRICS_SECONDS_AT_END)
        AIRFLOW_STATS.on_batch_progress(self.summary.rate)

    def cancel(self) -> None:
        """Stop sending promptly; safe to call at any time, from a signal handler and from another thread."""
        self._loop.cancel()

    async def _stop_all(self) -> None:
        # Imported when a task runs, so that parsing a DAG file loads no HTTP library.
        from airflow_provider_signalwire.client.flows.stop import StopResult, stop_stream
        from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
        from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

        rows = self._unfinished_rows()
        budget = _StopBudget(self.max_stops)

        async def work(client: SignalWireAsyncClient) -> None:
            while await budget.reserve():
                if (numbered := next(rows, None)) is None:
                    await budget.settle(is_accepted=False)
                    return
                outcome: StopResult | Exception
                try:
                    row = numbered[1]
                    ids = (self.account_sid, row.parent_sid, row.stream_sid)
                    flow = stop_stream(*ids, parent=row.parent, ignore_if_missing=self.ignore_if_missing)
                    outcome = await client.run(flow)
                except SignalWireAuthenticationError:
                    raise
                except Exception as error:
                    outcome = error
                self._outcomes.append((numbered, outcome))
                await budget.settle(is_accepted=isinstance(outcome, StopResult) and outcome.outcome == "stopped")
            self.limit_reached |= next(rows, None) is not None

        client = SignalWireAsyncClient(
            self.settings,
            rate_limiter=RateLimiter(self.max_requests, self.period),
            max_connections=self.max_concurrency,
            observer=self._observer,
        )
        try:
            async with client, asyncio.TaskGroup() as workers:
                for _ in range(min(self.max_concurrency, self.summary.total)):
                    workers.create_task(work(client))
                    await asyncio.sleep(0)  # the first requests leave while the other workers start
        except BaseExceptionGroup as group:
            # Only a refused login, or rows that cannot be read any more, end a worker. The first error is enough.
            raise group.exceptions[0] from None
        finally:
            self.retries = client.retries

    def _unfinished_rows(self) -> Iterator[NumberedRow]:
        return (numbered for numbered in enumerate(self.rows) if not self.checkpoint.is_done(numbered[0]))

    def _on_tick(self) -> None:
        self._take_outcomes()
        now = time.monotonic()
        if now >= self._next_save and not self.checkpoint.is_busy:
            self._next_save = now + SAVE_SECONDS
            self.checkpoint.save()
        if now >= self._next_progress:
            self._next_progress = now + PROGRESS_SECONDS
            log.info("%s", self.summary.progress())
            AIRFLOW_STATS.on_batch_progress(self.summary.rate)
        self._observer.pass_on()

    def _take_outcomes(self) -> None:
        while self._outcomes:
            (index, row), outcome = self._outcomes.popleft()
            if isinstance(outcome, Exception):
                self.summary.add_failure(row, outcome)
                if not isinstance(outcome, SignalWireError):
                    self._log_unexpected(outcome)
            else:
                self.checkpoint.record(index, outcome.outcome)
                self.summary.add_result(row, outcome.outcome, outcome.record)
                self._observer.on_stream_stopped(outcome.outcome)
                if log.isEnabledFor(logging.DEBUG):  # a line each would hide the rest of the task's log
                    log.debug("%s", outcome.describe(row.parent_sid, row.stream_sid))

    def _log_unexpected(self, error: Exception) -> None:
        level = logging.DEBUG if self._has_logged_unexpected else logging.WARNING
        self._has_logged_unexpected = True
        log.log(level, "Unexpected error while a stream was stopped; the batch continues.", exc_info=error)


class _StopBudget:
    """Limits the number of accepted stops; requests in flight count as accepted until their outcome is known.

    :param limit: Maximum number of accepted stops; None means no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._left = limit
        self._in_flight = 0
        self._settled = asyncio.Condition()

    async def reserve(self) -> bool:
        """Return whether one more stop may be sent; wait for the outcomes of others if it depends on them."""
        if self._left is None:
            return True
        async with self._settled:
            await self._settled.wait_for(lambda: self._left or not self._in_flight)
            if not self._left:
                return False
            self._left -= 1
            self._in_flight += 1
            return True

    async def settle(self, *, is_accepted: bool) -> None:
        """Take the outcome of a stop into account."""
        if self._left is None:
            return
        async with self._settled:
            self._in_flight -= 1
            self._left += not is_accepted
            self._settled.notify_all()
