"""The running streams at a time, so that a cleanup need not read the journal's older events again (Airflow 3.3)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_signalwire.journal import RunningStream, StreamJournal
from airflow_provider_signalwire.task_state import TaskState

# An event may be committed after others of a later time.
_OVERLAP = timedelta(minutes=15)

# All events are read once a day, so that no mistake in a snapshot lasts.
_MAX_AGE = timedelta(days=1)

# Airflow logs a warning above 64 KB.
_MAX_BYTES = 60_000
_MAX_STREAMS = 1000


class JournalSnapshot:
    """The snapshot of a journal, in the state store of its first asset; no snapshot before Airflow 3.3.

    :param context: The task's context.
    :param assets: The journal.
    """

    def __init__(self, context: Any, assets: Sequence[Any]) -> None:
        self._state: TaskState | None = None
        if "asset_state_store" in context:
            names = sorted((asset.name, asset.uri) for asset in assets)
            key = f"signalwire_snapshot_{zlib.crc32(repr(names).encode())}"
            self._state = TaskState(context, key, asset=assets[0])
        self._times: dict[str, datetime] = {}

    def load(self, journal: StreamJournal, since: datetime, now: datetime) -> datetime:
        """Add the streams to a journal, and return since when its events must be read.

        :param since: The oldest event that matters.
        """
        self._times = {"since": since, "read_all_at": now, "until": since}
        stored = (self._state.load() if self._state else None) or {}
        try:
            times = {name: datetime.fromisoformat(stored[name]) for name in self._times}
            streams = [RunningStream.from_dict(stream) for stream in stored["streams"]]
        except (KeyError, TypeError, ValueError):
            return since
        if times["since"] > since or now - times["read_all_at"] > _MAX_AGE:
            return since
        self._times = {**times, "since": since}
        for stream in streams:
            if stream.started_at >= since:
                journal.add_started(stream)
        return max(since, times["until"] - _OVERLAP)

    def save(self, journal: StreamJournal, newest: Sequence[datetime]) -> None:
        """Store the running streams, unless they are too many.

        :param newest: Times of the newest events that were read.
        """
        if self._state is None:
            return
        until = max([self._times["until"], *newest])
        times = {name: at.isoformat() for name, at in {**self._times, "until": until}.items()}
        running = [stream for stream in journal.running_streams() if not stream.is_unconfirmed]
        streams = [stream.as_dict() for stream in running[:_MAX_STREAMS]]
        if len(running) == len(streams) and len(json.dumps(streams)) < _MAX_BYTES:
            self._state.save({**times, "streams": streams})
