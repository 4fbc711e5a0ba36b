"""The journal is read in pages that a busy API server returns in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow_features import skip_without_journal
from task_runner import TaskStateStore

from airflow_provider_signalwire.journal import StreamEvent, to_extra
from airflow_provider_signalwire.journal_events import read_journal

skip_without_journal(module=True)

NOW = datetime.now(UTC)
JOURNAL = Asset("streams")


def event_at(kind: str, sid: str, *, hours: float, size: int = 1) -> SimpleNamespace:
    at = NOW - timedelta(hours=hours)
    extra = to_extra([StreamEvent(kind, "project", "call", sid, "bot", at)] * size)
    source = {"source_dag_id": "dag", "source_run_id": "run", "source_task_id": "task", "source_map_index": None}
    return SimpleNamespace(timestamp=at, extra=extra, size=size, **source)


class Events:
    """An asset's events, as Airflow returns them: the newest first, `before` includes its time."""

    def __init__(self, events: list[SimpleNamespace]) -> None:
        self.events = sorted(events, key=lambda event: event.timestamp, reverse=True)
        self.pages: list[list[SimpleNamespace]] = []
        self._before = self._after = NOW
        self._limit = 0

    def after(self, since: str) -> Events:
        self._after = datetime.fromisoformat(since)
        return self

    def ascending(self, is_ascending: bool) -> Events:
        assert not is_ascending
        return self

    def before(self, at: str) -> Events:
        self._before = datetime.fromisoformat(at)
        return self

    def limit(self, limit: int) -> Events:
        self._limit = limit
        return self

    def __iter__(self) -> Any:
        page = [event for event in self.events if self._after <= event.timestamp <= self._before][: self._limit]
        self.pages.append(page)
        return iter(page)


def read(
    events: list[SimpleNamespace], *, store: TaskStateStore | None = None, days: float = 7
) -> tuple[list[str], Events]:
    """Return the running streams, and the events with the pages that were read."""
    accessor = Events(events)
    context = {"inlet_events": {JOURNAL: accessor}} | ({} if store is None else {"asset_state_store": {JOURNAL: store}})
    journal = read_journal(context, [JOURNAL], [], max_stream_age=timedelta(days=days))
    return [stream.stream_sid for stream in journal.running_streams()], accessor


def read_groups(groups: list[list[int]]) -> tuple[int, list[int]]:
    """Read events of so many entries each, a group for each minute; return the streams and entries of each page."""
    started = [(minutes, size) for minutes, group in enumerate(groups) for size in group]
    events = [
        event_at("started", str(number), hours=minutes / 60, size=size)
        for number, (minutes, size) in enumerate(started)
    ]
    running, accessor = read(events)
    return len(running), [sum(event.size for event in page) for page in accessor.pages]


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([], id="none"),
        pytest.param([[1]], id="one"),
        *(pytest.param([[1]] * count, id=str(count)) for count in (2, 3, 126, 127, 128, 225, 226, 227, 1000)),
        *(pytest.param([[1] * count] * 3, id=f"{count} at the same time") for count in (2, 99, 100, 101, 350)),
        pytest.param([[1]] * 98 + [[1] * 230] + [[1]] * 98 + [[1, 1], [1]], id="same time across pages"),
    ],
)
def test_every_event_is_read(groups: list[list[int]]) -> None:
    assert read_groups(groups)[0] == sum(map(len, groups))


def test_page_holds_at_most_a_hundred_events_of_one_entry() -> None:
    count, pages = read_groups([[1]] * 1000)
    assert (count, max(pages)) == (1000, 100)
    assert len(pages) < 25


def test_page_holds_at_most_two_of_the_largest_events() -> None:
    count, pages = read_groups([[2_501]] * 4)
    assert (count, max(pages)) == (4, 5_002)


@pytest.fixture
def store() -> TaskStateStore:
    return TaskStateStore()


def read_again(store: TaskStateStore, events: list[SimpleNamespace], *, days: float = 7) -> tuple[list[str], int]:
    """Return the running streams and the number of events that were read."""
    running, accessor = read(events, store=store, days=days)
    return running, len({id(event) for page in accessor.pages for event in page})


OLD = [event_at("started", "a", hours=9), event_at("started", "b", hours=8), event_at("stopped", "a", hours=7)]
LATE = [event_at("started", "c", hours=7.1), event_at("stopped", "b", hours=6)]


def test_second_reading_reads_only_what_is_new(store: TaskStateStore) -> None:
    assert read_again(store, OLD) == (["b"], 3)
    assert read_again(store, OLD + LATE) == (["c"], 3)  # with the last event before the snapshot, and one that is late
    assert read_again(store, OLD + LATE) == (["c"], 1)


def test_snapshot_is_not_used_to_look_further_back(store: TaskStateStore) -> None:
    read_again(store, [*OLD, *LATE], days=8 / 24 - 0.01)
    assert read_again(store, OLD) == (["b"], 3)


def test_stream_that_is_too_old_leaves_the_snapshot(store: TaskStateStore) -> None:
    read_again(store, OLD)
    assert read_again(store, OLD, days=7.9 / 24)[0] == []


def test_all_events_are_read_once_a_day(store: TaskStateStore) -> None:
    read_again(store, OLD)
    [(key, value)] = store.entries.items()
    changed = json.loads(value)
    store.set(key, {**changed, "read_all_at": (NOW - timedelta(days=1, minutes=1)).isoformat()})
    assert read_again(store, OLD) == (["b"], 3)
    assert read_again(store, OLD)[1] == 1


@pytest.mark.parametrize("value", [1, {}, {"streams": [{}]}], ids=str)
def test_snapshot_that_cannot_be_read_is_ignored(store: TaskStateStore, value: Any) -> None:
    read_again(store, OLD)
    [key] = store.entries
    store.set(key, value)
    assert read_again(store, OLD) == (["b"], 3)


def test_too_many_streams_are_not_stored(store: TaskStateStore) -> None:
    read_again(store, [event_at("started", str(number), hours=1) for number in range(500)])
    assert store.entries == {}
