"""What the tries of a batch have finished, where Airflow can remember it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

_KEY = "signalwire_stopped_streams"

# A name may come to mean another stream: a failed task that is cleared the next day begins anew.
_RETENTION = timedelta(hours=6)

_MAX_FAILED = 1000


class BatchMemory:
    """A note in Airflow's task state store (3.3 and newer); without one, every try begins anew.

    Streams are numbered in the order of the input, so the note is short: all below a number are finished, and of
    those, some failed.

    :param context: The task's context.
    :param fingerprint: Tells one input from another; a note about another input is void.
    """

    def __init__(self, context: Any, fingerprint: str) -> None:
        self._store = context.get("task_state_store")
        self._fingerprint = fingerprint
        note = self._store.get(_KEY) if self._store is not None else None
        if not isinstance(note, dict) or note.get("fingerprint") != fingerprint:
            note = {"finished_below": 0, "failed": [], "counts": {}}
        self._finished_below: int = note["finished_below"]
        self._failed = set(note["failed"])
        self._ahead: dict[int, str] = {}
        self.counts = Counter(note["counts"])

    def is_done(self, index: int) -> bool:
        """Tell whether the stream of that number needs nothing more."""
        return index < self._finished_below and index not in self._failed

    def finish(self, index: int, how: str) -> None:
        """Take in how a stream ended; ``failed`` means that the next try has to try it again."""
        if index < self._finished_below:
            if how != "failed":
                self._failed.discard(index)
                self.counts[how] += 1
            return
        self._ahead[index] = how
        while self._finished_below in self._ahead:
            # Beyond so many failures the next try simply begins again at the first of them that is not noted.
            if self._ahead[self._finished_below] == "failed" and len(self._failed) == _MAX_FAILED:
                return
            how = self._ahead.pop(self._finished_below)
            if how == "failed":
                self._failed.add(self._finished_below)
            else:
                self.counts[how] += 1
            self._finished_below += 1

    def save(self) -> None:
        """Write the note."""
        if self._store is not None:
            note = {
                "fingerprint": self._fingerprint,
                "finished_below": self._finished_below,
                "failed": sorted(self._failed),
                "counts": dict(self.counts),
            }
            self._store.set(_KEY, note, retention=_RETENTION)

    def forget(self) -> None:
        """Remove the note, for the task is done: run again, it has other streams to stop."""
        if self._store is not None:
            self._store.delete(_KEY)
