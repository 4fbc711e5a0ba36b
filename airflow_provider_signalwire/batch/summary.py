"""What happened to the streams of a batch: its progress for the log, and its summary for XCom."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.batch.rows import is_sid
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import (
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireError,
    SignalWireNotFoundError,
)
from airflow_provider_signalwire.journal import StreamEvent

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.rows import StreamRow
    from airflow_provider_signalwire.client.protocol.records import StreamRecord

MAX_FAILURES_LISTED = 1000

_MAX_FAILURES_LOGGED = 10
_MAX_QUOTE = 200


class BatchSummary:
    """The outcomes so far.

    :param total: Number of unique streams.
    :param finished: Outcomes of the streams that an earlier try has finished.
    :param keep_records: Whether to keep every stream's record.
    :param journal_account: The project, to keep which streams have stopped, for the journal.
    """

    def __init__(
        self,
        total: int,
        finished: Mapping[str, int],
        *,
        keep_records: bool = False,
        journal_account: str | None = None,
    ) -> None:
        self.total = total
        self.ends: list[StreamEvent] = []
        self.failures: list[dict[str, str]] = []
        self._outcomes = Counter(finished)
        self._journal_account = journal_account
        self._failed = 0
        self._missing_failed = 0
        self._all_refused = True
        self._records: list[StreamRecord] | None = [] if keep_records else None
        self._ignored: list[StreamRow] = []  # the first ones
        self._done_before = self._outcomes.total()
        self._started = time.monotonic()

    @property
    def done(self) -> int:
        """Number of streams with an outcome, failures included."""
        return self._outcomes.total() + self._failed

    @property
    def rate(self) -> float:
        """Streams per second in this try."""
        return (self.done - self._done_before) / max(self._seconds, 0.001)

    def add_result(self, row: StreamRow, outcome: str, record: StreamRecord | None) -> None:
        """Count a stream that is stopped, or that was missing and need not exist."""
        self._outcomes[outcome] += 1
        if outcome == "missing" and len(self._ignored) < _MAX_FAILURES_LOGGED:
            self._ignored.append(row)
        if self._records is not None and record is not None:
            self._records.append(record)
        self.add_end(row, outcome, record)

    def add_end(self, row: StreamRow, outcome: str = "stopped", record: StreamRecord | None = None) -> None:
        """Keep for the journal that a stream has stopped."""
        if self._journal_account is None:
            return
        event, stream_sid, name = "stopped", row.stream_sid, None
        if record is not None and row.parent.stream_matches(record, row.parent_sid, row.stream_sid):
            event = "ended" if outcome == "already_ended" else "stopped"
            stream_sid, name = record["sid"], record.get("name")
        elif not is_sid(stream_sid):
            return  # a name on a call that has no such stream says nothing
        ids = (self._journal_account, row.parent_sid, stream_sid)
        self.ends.append(StreamEvent(event, *ids, name, datetime.now(UTC), parent=row.parent))

    def add_failure(self, row: StreamRow, error: Exception) -> None:
        """Count a stream that could not be stopped."""
        self._failed += 1
        self._missing_failed += isinstance(error, SignalWireNotFoundError)
        self._all_refused &= isinstance(error, AirflowFailException)
        if len(self.failures) < MAX_FAILURES_LISTED:
            message = str(error) if isinstance(error, SignalWireError) else _describe_unexpected(row, error)
            self.failures.append({**row.ids, "error": type(error).__name__, "message": message})

    def progress(self) -> str:
        """Return how far the batch is, in one sentence."""
        left = self.total - self.done
        remaining = f", about {left / self.rate:,.0f} s left" if left and self.rate else ""
        return (
            f"{self.done:,} of {self.total:,} streams done: {self._counts()}. "
            f"{self._seconds:.1f} s, {self.rate:,.0f} a second{remaining}."
        )

    def failures_for_log(self) -> str:
        """Return the messages of the first failures, one per line."""
        messages = [failure["message"] for failure in self.failures[:_MAX_FAILURES_LOGGED]]
        return _lines(messages, self._failed)

    def ignored_for_log(self) -> str:
        """Return the first streams that were missing, which was ignored, one per line; empty if there were none."""
        streams = [mask_phone_numbers(str(row)) for row in self._ignored]
        return _lines(streams, self._outcomes["missing"])

    def as_dict(self, *, requested: int, retries: int) -> dict[str, Any]:
        """Return the summary for XCom."""
        summary: dict[str, Any] = {
            "requested": requested,
            "duplicates": requested - self.total,
            "stopped": self._outcomes["stopped"],
            "already_ended": self._outcomes["already_ended"],
            "missing": self._missing,
            "failed": self._failed - self._missing_failed,
            "retried_requests": retries,
            "seconds": round(self._seconds, 3),
            "failures": self.failures,
            "failures_not_listed": self._failed - len(self.failures),
        }
        if self._records is not None:
            summary["records"] = self._records
        return summary

    def raise_for_failures(self, *, listed_in: str) -> None:
        """Raise an error if any stream could not be stopped.

        :param listed_in: Where the user finds the failures.
        :raises SignalWireBatchRefusedError: if retrying cannot fix any of the failures.
        :raises SignalWireBatchError: if a retry of the task may succeed.
        """
        if not self._failed:
            return
        error_class = SignalWireBatchRefusedError if self._all_refused else SignalWireBatchError
        raise error_class(
            f"{self._failed:,} of {self.total:,} streams could not be stopped; {listed_in} lists them. "
            f"The first: {self.failures[0]['message']}"
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def _missing(self) -> int:
        return self._outcomes["missing"] + self._missing_failed

    def _counts(self) -> str:
        return (
            f"{self._outcomes['stopped']:,} stopped, {self._outcomes['already_ended']:,} already ended, "
            f"{self._missing:,} missing, {self._failed - self._missing_failed:,} failed"
        )


def _lines(lines: list[str], total: int) -> str:
    more = total - len(lines)
    return "\n".join([*lines, *([f"… and {more:,} more."] if more else [])])


def _describe_unexpected(row: StreamRow, error: Exception) -> str:
    message = f"Could not stop {row}: unexpected {type(error).__name__}: {str(error)[:_MAX_QUOTE]}"
    return mask_phone_numbers(message)
