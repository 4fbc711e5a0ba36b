"""What the batch operators share: reading rows, sending stops, the summary, and the end of a killed task."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowProviderDeprecationWarning
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_signalwire.batch.checkpoint import BatchCheckpoint
from airflow_provider_signalwire.batch.rows import SpooledRows, spool_rows
from airflow_provider_signalwire.batch.runner import StreamBatch
from airflow_provider_signalwire.batch.summary import BatchSummary
from airflow_provider_signalwire.client.protocol.validation import (
    validate_boolean,
    validate_duration,
    validate_integer,
    validate_number,
)
from airflow_provider_signalwire.exceptions import SignalWireBatchRefusedError, SignalWireError
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin
from airflow_provider_signalwire.journal_events import has_journal, write_stream_events

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.batch.background_loop import BackgroundLoop

log = logging.getLogger(__name__)

_MAX_CONCURRENCY = 10_000
_MAX_REQUESTS = 1_000_000
_MIN_PERIOD = 0.001


class BatchOperator(HookMixin, BaseOperator):
    """Base class of the operators that stop many streams."""

    ignore_if_missing = True
    return_records = False

    def __init__(
        self,
        *,
        max_concurrency: int,
        max_requests: int,
        period: timedelta | float,
        max_requests_per_second: float | None,
        fail_on_error: bool,
        account_sid: str | None,
        signalwire_conn_id: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_concurrency = validate_integer("max_concurrency", max_concurrency, minimum=1, maximum=_MAX_CONCURRENCY)
        if max_requests_per_second is not None:
            max_requests, period = _limit_of_rate(max_requests_per_second)
        self.max_requests = validate_integer("max_requests", max_requests, minimum=1, maximum=_MAX_REQUESTS)
        self.period = validate_duration("period", period, minimum=_MIN_PERIOD)
        self.fail_on_error = validate_boolean("fail_on_error", fail_on_error)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self._is_killed = False
        self._work: StreamBatch | BackgroundLoop[list[str]] | None = None

    def on_kill(self) -> None:
        """Stop sending, and let :meth:`execute` end with an error."""
        # Airflow calls this in a signal handler, so it must not wait for anything, log or raise.
        self._is_killed = True
        if self._work is not None:
            self._work.cancel()

    @contextlib.contextmanager
    def _cancelled_by_kill(self, work: StreamBatch | BackgroundLoop[list[str]]) -> Iterator[None]:
        """Let :meth:`on_kill` cancel the work that runs in the block."""
        self._work = work
        self._check_killed()
        try:
            yield
        finally:
            self._work = None

    def _stop_streams(
        self,
        context: Context,
        rows: SpooledRows,
        *,
        found: Mapping[str, Any] | None = None,
        max_stops: int | None = None,
        ask: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Stop the streams and return the summary; failures are raised when the summary is in XCom.

        :param found: Further entries of the summary.
        :param max_stops: Maximum number of stops that SignalWire accepts, those of earlier tries included.
        :param ask: Asks a person at that limit, and does not return; is given what was done.
        """
        batch = self._make_batch(context, rows, max_stops)
        with self._cancelled_by_kill(batch):
            batch.run()
        summary = batch.summary
        self.log_outcome(summary)
        result = {**summary.as_dict(requested=rows.requested, retries=batch.retries), **(found or {})}
        self._check_killed(summary)
        if batch.limit_reached:
            self._push_summary(context, result)
            problem = f"The batch stopped sending after {max_stops:,} accepted stops, the limit 'max_stops'."
            problem += f" {summary.progress()}"
            if ask is not None:
                ask(problem)
            raise SignalWireBatchRefusedError(
                f"{problem} Check that the streams are forgotten before you raise the limit."
            )
        if self.fail_on_error and summary.failures:
            is_pushed = self._push_summary(context, result)
            summary.raise_for_failures(listed_in="this task's XCom" if is_pushed else "this task's log")
        self._end_successfully(context, batch)
        return result

    def _make_batch(self, context: Context, rows: SpooledRows, max_stops: int | None) -> StreamBatch:
        """Return a batch that knows what earlier tries have finished."""
        key = json.dumps([rows.fingerprint, self.hook.account_sid, self.signalwire_conn_id, self.ignore_if_missing])
        # A retry has to repeat every stop if their records are wanted.
        checkpoint = BatchCheckpoint({} if self.return_records else context, key)
        summary = BatchSummary(
            rows.unique,
            checkpoint.counts,
            keep_records=self.return_records,
            journal_account=self.hook.account_sid if has_journal(context, self.outlets) else None,
        )
        for index, row in enumerate(rows if summary.done else ()):
            if checkpoint.is_done(index):
                summary.add_end(row)
        return StreamBatch(
            settings=self.hook.settings,
            account_sid=self.hook.account_sid,
            rows=rows,
            summary=summary,
            checkpoint=checkpoint,
            max_concurrency=self.max_concurrency,
            max_requests=self.max_requests,
            period=self.period,
            ignore_if_missing=self.ignore_if_missing,
            max_stops=max_stops and max(0, max_stops - checkpoint.counts["stopped"]),
        )

    def _end_successfully(self, context: Context, batch: StreamBatch) -> None:
        """Write the journal and remove the checkpoint, unless the task is killed meanwhile."""
        if batch.summary.ends:
            write_stream_events(context, self.outlets, batch.summary.ends)
        batch.checkpoint.clear()
        if self._is_killed:
            batch.checkpoint.save()
        self._check_killed(batch.summary)

    def _spool(self, streams: Any) -> contextlib.AbstractContextManager[SpooledRows]:
        return spool_rows(streams, check_cancelled=self._check_killed)

    def _check_killed(self, summary: BatchSummary | None = None) -> None:
        if self._is_killed:
            progress = summary.progress() if summary else "No stream was stopped."
            raise SignalWireError(f"The batch was cancelled. {progress}")

    def log_outcome(self, summary: BatchSummary) -> None:
        """Log what happened: the counts, and the first failures."""
        if not summary.total:
            log.info("There are no streams to stop.")
            return
        log.info("%s", summary.progress())
        if summary.failures:
            log.warning("These streams could not be stopped:\n%s", summary.failures_for_log())

    def _push_summary(self, context: Context, result: dict[str, Any]) -> bool:
        """Push the summary of a task that is about to fail, and return whether it is in XCom."""
        if not self.do_xcom_push or "ti" not in context:
            return False
        try:
            context["ti"].xcom_push(key="return_value", value=result)
        except Exception as error:
            log.warning("The summary could not be pushed to XCom (%s: %s).", type(error).__name__, error)
            return False
        return True


def _limit_of_rate(max_requests_per_second: float) -> tuple[int, float]:
    """Return the maximum and the period that replace a deprecated rate."""
    rate = validate_number("max_requests_per_second", max_requests_per_second, minimum=1)
    max_requests, period = int(rate), int(rate) / rate
    warnings.warn(
        f"'max_requests_per_second' is deprecated; use max_requests={max_requests}, period={period:g}.",
        AirflowProviderDeprecationWarning,
        stacklevel=5,  # the DAG file: Airflow wraps both constructors
    )
    return max_requests, period
