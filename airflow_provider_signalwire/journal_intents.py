"""Starts whose task may leave no event, in the state store of the journal's assets (Airflow 3.3 and newer).

Airflow stores an asset event when the task succeeds, but the state of an asset at once. Its keys cannot be listed, so
there is a fixed number of entries, each with the latest starts of some tasks. An update is not atomic: a start is lost
if two tasks change the same entry at the same moment. That matters only if its task is killed as well.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.journal import RunningStream, StreamOwner
from airflow_provider_signalwire.task_state import TaskState

_ENTRIES = 64

# Of an entry, which stays below the 64 KB above which Airflow logs a warning.
_MAX_STARTS = 100


class StartIntent:
    """The start of one stream by this task, which is recorded before its request.

    :param context: The task's context.
    :param operator: The operator.
    :param name: The stream's name. A start whose name contains a telephone number is not recorded.
    """

    def __init__(self, context: Any, operator: Any, name: str) -> None:
        self._entries: list[TaskState] = []
        ti = context.get("ti")
        if "asset_state_store" not in context or mask_phone_numbers(name) != name:
            return
        owner = StreamOwner(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        ids = (operator.hook.account_sid, operator.parent_sid, name)
        options = (operator.outlives_run, operator.parent)
        self._start = RunningStream(*ids, name, datetime.now(UTC), owner, *options)
        self._entries = _entries(context, operator.outlets, [zlib.crc32(repr(owner).encode()) % _ENTRIES])

    def save(self) -> None:
        """Record the start."""
        for entry in self._entries:
            _write(entry, [*_read(entry), self._start])

    def clear(self) -> None:
        """Remove the start, because no stream can be running."""
        for entry in self._entries:
            _remove(entry, lambda start: start == self._start)


class StartIntents:
    """The recorded starts of a journal.

    :param context: The task's context.
    :param assets: The journal.
    """

    def __init__(self, context: Any, assets: Iterable[Any]) -> None:
        entries = _entries(context, assets, range(_ENTRIES))
        self._starts = {entry: starts for entry in entries if (starts := _read(entry))}

    def __iter__(self) -> Iterator[RunningStream]:
        return (start for starts in self._starts.values() for start in starts)

    def settle(self, open_starts: Iterable[RunningStream]) -> None:
        """Remove the starts that were read, except these and earlier ones of the same names.

        If a later start of a name is refused, the stream of the earlier one may be running.
        """
        names = {_name(start) for start in open_starts}
        for entry, starts in self._starts.items():
            settled = {start for start in starts if _name(start) not in names}
            if settled:
                _remove(entry, settled.__contains__)


def _name(start: RunningStream) -> tuple[str, str, str]:
    return start.account_sid, start.parent_sid, start.stream_sid


def _entries(context: Any, assets: Iterable[Any], numbers: Iterable[int]) -> list[TaskState]:
    if "asset_state_store" not in context:
        return []
    from airflow.providers.common.compat.sdk import Asset

    assets = [asset for asset in assets if isinstance(asset, Asset)]
    return [TaskState(context, f"signalwire_starts_{each}", asset=asset) for asset in assets for each in numbers]


def _read(entry: TaskState) -> list[RunningStream]:
    starts, stored = [], (entry.load() or {}).get("starts")
    for start in stored if isinstance(stored, list) else ():
        try:
            starts.append(RunningStream.from_dict(start))
        except (KeyError, TypeError, ValueError):
            continue  # written by another version
    return starts


def _write(entry: TaskState, starts: Sequence[RunningStream]) -> None:
    entry.save({"starts": [start.as_dict() for start in starts[-_MAX_STARTS:]]})


def _remove(entry: TaskState, is_settled: Callable[[RunningStream], bool]) -> None:
    """Read again, because other tasks may have added starts, and write what is left."""
    starts = _read(entry)
    if (left := [start for start in starts if not is_settled(start)]) != starts:
        _write(entry, left)
