"""The journal is read in pages that a busy API server returns in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_signalwire.journal import StreamEvent, to_extra
from airflow_provider_signalwire.journal_store import MAX_ENTRIES, read_journal

NOW = datetime.now(UTC)


class Events:
    """An asset's events, as Airflow returns them: the newest first, `before` includes its time.

    :param groups: The number of entries of each event, for each time.
    """

    def __init__(self, groups: list[list[int]]) -> None:
        self.pages: list[int] = []
        self._events: list[SimpleNamespace] = []
        self._before = NOW
        self._limit = 0
        for minutes, group in enumerate(groups):
            at = NOW - timedelta(minutes=minutes)
            for size in group:
                self._events.append(self._make(len(self._events), size, at))

    def _make(self, number: int, size: int, at: datetime) -> SimpleNamespace:
        entry = StreamEvent("started", "project", "call", str(number), None, at)
        source = {"source_dag_id": "dag", "source_run_id": "run", "source_task_id": "task", "source_map_index": None}
        extra = to_extra([entry] * size)
        return SimpleNamespace(timestamp=at, extra=extra, size=size, **source)

    def after(self, since: str) -> Events:
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
        page = [event for event in self._events if event.timestamp <= self._before][: self._limit]
        self.pages.append(sum(event.size for event in page))
        return iter(page)


def read(groups: list[list[int]]) -> tuple[int, list[int]]:
    events = Events(groups)
    journal = read_journal({"inlet_events": {"streams": events}}, ["streams"], [], max_stream_age=timedelta(days=7))
    return len(journal.running_streams()), events.pages


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
    assert read(groups)[0] == sum(map(len, groups))


def test_page_holds_at_most_a_hundred_events_of_one_entry() -> None:
    count, pages = read([[1]] * 1000)
    assert (count, max(pages)) == (1000, 100)
    assert len(pages) < 25


def test_page_holds_at_most_two_of_the_largest_events() -> None:
    count, pages = read([[MAX_ENTRIES]] * 4)
    assert (count, max(pages)) == (4, 2 * MAX_ENTRIES)
