"""Counting a batch: its progress for the log, and its summary for XCom."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.exceptions import (
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireError,
    SignalWireNotFoundError,
)

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.rows import StreamRow
    from airflow_provider_signalwire.client.flows.stop import StopResult

MAX_FAILURES_LISTED = 1000


class BatchTally:
    """What became of the streams so far.

    :param total: How many there are, without the duplicates.
    :param counts: How those ended that an earlier try has finished.
    :param keep_records: Whether to keep every stream's record.
    """

    def __init__(self, total: int, counts: dict[str, int], *, keep_records: bool) -> None:
        self.total = total
        self.counts = Counter(counts)
        self.failures: list[dict[str, str]] = []
        self.failed = 0
        self._records: list[Any] | None = [] if keep_records else None
        self._missing = 0
        self._all_refused = True
        self._done_before = self.counts.total()
        self._started = time.monotonic()

    @property
    def done(self) -> int:
        """How many streams are finished, one way or another."""
        return self.counts.total() + self.failed

    @property
    def rate(self) -> float:
        """How many streams were finished per second in this try."""
        return (self.done - self._done_before) / max(time.monotonic() - self._started, 0.001)

    def add_result(self, result: StopResult) -> None:
        """Count a stream that has been asked to stop, or needed not."""
        self.counts[result.outcome] += 1
        if self._records is not None and result.record is not None:
            self._records.append(result.record)

    def add_failure(self, row: StreamRow, error: SignalWireError) -> None:
        """Count a stream that could not be stopped."""
        self.failed += 1
        self._missing += isinstance(error, SignalWireNotFoundError)
        self._all_refused &= isinstance(error, AirflowFailException)
        if len(self.failures) < MAX_FAILURES_LISTED:
            self.failures.append({**row._asdict(), "error": type(error).__name__, "message": str(error)})

    def progress(self) -> str:
        """Say how far the batch has come."""
        if not self.total:
            return "There are no streams to stop."
        seconds = time.monotonic() - self._started
        rate = self.rate
        left = f", {(self.total - self.done) / rate:.0f} s left" if rate and self.done < self.total else ""
        return (
            f"{self.done:,} of {self.total:,} streams done in {seconds:.1f} s: {rate:,.0f} a second, "
            f"{self.failed - self._missing:,} failed, {self.counts['missing'] + self._missing:,} missing{left}."
        )

    def summary(self, *, requested: int, retries: int) -> dict[str, Any]:
        """Return the counts, and the failures up to a cap."""
        summary: dict[str, Any] = {
            "requested": requested,
            "duplicates": requested - self.total,
            "stopped": self.counts["stopped"],
            "already_ended": self.counts["already_ended"],
            "missing": self.counts["missing"] + self._missing,
            "failed": self.failed - self._missing,
            "retried_requests": retries,
            "seconds": round(time.monotonic() - self._started, 3),
            "failures": self.failures,
            "failures_not_listed": self.failed - len(self.failures),
        }
        if self._records is not None:
            summary["records"] = self._records
        return summary

    def raise_for_failures(self) -> None:
        """Raise an error that counts the failures, if there are any.

        :raises SignalWireBatchRefusedError: if no retry can mend any of them.
        :raises SignalWireBatchError: if a retry of the task may.
        """
        if not self.failed:
            return
        error_class = SignalWireBatchRefusedError if self._all_refused else SignalWireBatchError
        raise error_class(
            f"{self.failed:,} of {self.total:,} streams could not be stopped; they are listed in this task's XCom. "
            f"The first: {self.failures[0]['message']}"
        )
