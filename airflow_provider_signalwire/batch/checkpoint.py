"""What earlier tries of a batch have finished, kept in Airflow's task state store."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from airflow_provider_signalwire.task_state import TaskState

_STORE_KEY = "signalwire_stopped_streams"

# A name may come to mean another stream: a failed task that is cleared the next day starts over.
_RETENTION = timedelta(hours=6)

# Airflow logs a warning above 64 KB.
_MAX_UNFINISHED = 5000

# If Airflow does not respond, the work starts without the checkpoint of an earlier try and writes none.
_TIMEOUT_SECONDS = 1.0

# A stream that was missing may exist by the next try, and one that failed may be stopped then.
_FINAL_OUTCOMES = frozenset({"stopped", "already_ended"})


class BatchCheckpoint:
    """The prefix of the rows that needs no further work, without its rows in progress, missing or failed.

    Nothing here fails the batch: without a store (Airflow before 3.3), or with one that is unavailable, a retry starts
    over, and sends stops that are safe to repeat. Not thread-safe, except :meth:`is_done`.

    :param context: The task's context.
    :param key: Identifies rows, account, connection and options; a checkpoint with another key is ignored.
    """

    def __init__(self, context: Any, key: str) -> None:
        self._state = TaskState(context, _STORE_KEY, retention=_RETENTION, timeout=_TIMEOUT_SECONDS)
        self._key = key
        self._finished_below = 0
        self._unfinished: set[int] = set()
        self._is_saved = True
        self.counts: Counter[str] = Counter()
        self._load()

    def is_done(self, index: int) -> bool:
        """Return whether the row with this number needs no further work."""
        return index < self._finished_below and index not in self._unfinished

    def record(self, index: int, outcome: str) -> None:
        """Record the outcome of a row; rows are started in order, but may end in any."""
        if index >= self._finished_below:
            self._unfinished.update(range(self._finished_below, index + 1))
            self._finished_below = index + 1
        if outcome in _FINAL_OUTCOMES:
            self._unfinished.discard(index)
            self.counts[outcome] += 1
        self._is_saved = False

    @property
    def is_busy(self) -> bool:
        """Whether Airflow has not responded to an earlier request yet."""
        return self._state.is_busy

    def save(self) -> None:
        """Write the checkpoint if it has changed."""
        if self._is_saved or len(self._unfinished) > _MAX_UNFINISHED:
            return
        self._is_saved = self._state.save(
            {
                "key": self._key,
                "finished_below": self._finished_below,
                "unfinished": sorted(self._unfinished),
                "counts": dict(self.counts),
            }
        )

    def clear(self) -> None:
        """Remove the checkpoint, so that a task that succeeded and is run again starts over."""
        self._state.clear()
        self._is_saved = False

    def _load(self) -> None:
        value = self._state.load() or {}
        if value.get("key") != self._key:
            return
        try:
            finished_below, unfinished = int(value["finished_below"]), set(map(int, value["unfinished"]))
            counts = {outcome: int(value["counts"].get(outcome, 0)) for outcome in _FINAL_OUTCOMES}
        except (KeyError, TypeError, ValueError, AttributeError):
            return  # written by another version
        self._finished_below, self._unfinished = finished_below, unfinished
        self.counts.update(counts)
