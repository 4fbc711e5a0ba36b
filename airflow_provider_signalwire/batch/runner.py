"""One try to stop many streams: what the batch operators share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_signalwire.batch.rows import StreamRow, distinct
from airflow_provider_signalwire.exceptions import SignalWireAuthenticationError, SignalWireError
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.checkpoint import BatchMemory
    from airflow_provider_signalwire.batch.summary import BatchTally
    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.policy.steps import Flow
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0

Numbered = tuple[int, StreamRow]


class StreamBatch:
    """Stops streams, many at a time.

    :param hook: The hook to the connection.
    :param rows: The streams.
    :param tally: Counts what becomes of them.
    :param memory: Knows what an earlier try has finished.
    :param max_concurrency: How many streams to be busy with at the same time.
    :param max_requests_per_second: How many stops to send per second.
    :param ignore_if_missing: Whether a stream that is not there is no failure.
    """

    def __init__(
        self,
        hook: SignalWireHook,
        rows: Iterable[StreamRow],
        *,
        tally: BatchTally,
        memory: BatchMemory,
        max_concurrency: int,
        max_requests_per_second: float,
        ignore_if_missing: bool,
    ) -> None:
        self.retries = 0
        self._hook = hook
        self._rows = rows
        self._tally = tally
        self._memory = memory
        self._max_concurrency = max_concurrency
        self._max_requests_per_second = max_requests_per_second
        self._ignore_if_missing = ignore_if_missing
        self._task: asyncio.Task[None] | None = None
        self._last_progress = time.monotonic()

    def run(self) -> None:
        """Stop the streams.

        :raises SignalWireAuthenticationError: if the login was refused.
        :raises SignalWireError: if it was cancelled. What an ``execution_timeout`` raises passes through.
        """
        try:
            with asyncio.Runner() as runner:
                runner.run(self._stop_all())
        except BaseExceptionGroup as group:
            # A refused login is no bad stream: it ends the workers, and the first one's error tells all.
            raise group.exceptions[0] from None
        except asyncio.CancelledError:
            raise SignalWireError(f"The batch was ended from outside. {self._tally.progress()}") from None
        finally:
            self._report()

    def cancel(self) -> None:
        """End the batch promptly; safe to call from a signal handler and from another thread."""
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def _stop_all(self) -> None:
        from airflow_provider_signalwire.batch.run_batch import run_batch
        from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
        from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

        self._task = asyncio.current_task()
        limiter = RateLimiter(self._max_requests_per_second)
        async with SignalWireAsyncClient(
            self._hook.settings, rate_limiter=limiter, max_connections=self._max_concurrency, observer=AIRFLOW_STATS
        ) as client:
            try:
                await run_batch(
                    client, self._flows(), max_concurrency=self._max_concurrency, on_outcome=self._on_outcome
                )
            finally:
                self.retries = client.retries

    def _flows(self) -> Iterator[tuple[Numbered, Flow[StopResult]]]:
        from airflow_provider_signalwire.client.flows.stop import stop_stream

        for index, row in enumerate(distinct(self._rows)):
            if not self._memory.is_done(index):
                yield (
                    (index, row),
                    stop_stream(self._hook.account_sid, *row, ignore_if_missing=self._ignore_if_missing),
                )

    def _on_outcome(self, numbered: Numbered, outcome: StopResult | SignalWireError) -> None:
        index, row = numbered
        if isinstance(outcome, SignalWireAuthenticationError) and self._tally.done == 0:
            raise outcome
        if isinstance(outcome, SignalWireError):
            self._memory.finish(index, "failed")
            self._tally.add_failure(row, outcome)
        else:
            self._memory.finish(index, outcome.outcome)
            self._tally.add_result(outcome)
            AIRFLOW_STATS.on_stream_stopped(outcome.outcome)
            log.debug("%s", outcome.describe(*row))  # thousands of lines would drown the rest of the task's log
        if time.monotonic() - self._last_progress >= PROGRESS_SECONDS:
            self._report()

    def _report(self) -> None:
        """Log how far the batch has come, and note it for the next try."""
        self._last_progress = time.monotonic()
        log.info("%s", self._tally.progress())
        AIRFLOW_STATS.on_batch_progress(self._tally.rate)
        self._memory.save()
