"""The journal is written when a task succeeds, and read in pages that a busy API server returns in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow_features import skip_without_journal
from simulated import running
from task_runner import TaskStateStore

from airflow_provider_signalwire import journal_events
from airflow_provider_signalwire.exceptions import SignalWireBatchRefusedError, SignalWireConfigurationError
from airflow_provider_signalwire.journal import JOURNAL_KEY, StreamEvent, to_extra
from airflow_provider_signalwire.journal_events import read_journal
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator, StopCallStreamsOperator

skip_without_journal(module=True)

NOW = datetime.now(UTC)
JOURNAL = Asset("streams")


def event_at(
    kind: str, sid: str, *, hours: float, size: int = 1, project: str = "project", call_sid: str = "call"
) -> SimpleNamespace:
    at = NOW - timedelta(hours=hours)
    extra = to_extra([StreamEvent(kind, project, call_sid, sid, "bot", at)] * size)
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
    streams, accessor = read(events)
    return len(streams), [sum(event.size for event in page) for page in accessor.pages]


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
    streams, accessor = read(events, store=store, days=days)
    return streams, len({id(event) for page in accessor.pages for event in page})


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


@pytest.fixture
def run(connection: str, run_task: Any) -> Any:
    """Run a task with the journal among its outlets; return its result and the entries of its event."""

    def run(
        task_class: Any, *, events: list[SimpleNamespace] | None = None, resume: Any = None, **arguments: Any
    ) -> tuple[Any, Any]:
        outlets, inlets = {JOURNAL: SimpleNamespace(extra={})}, {JOURNAL: Events(events or [])}
        context = {**run_task.context(id="ti"), "outlet_events": outlets, "inlet_events": inlets}
        context["ti"].get_dagrun_state = lambda dag_id, run_id: {("dag", "run"): "failed"}[dag_id, run_id]
        task = task_class(task_id="task", **{"outlets": [JOURNAL], **arguments})
        result = task.execute_complete(context, **resume) if resume else task.execute(context)
        entries = outlets[JOURNAL].extra.get(JOURNAL_KEY, {"entries": []})["entries"]
        return result, [(*map(entry.get, ("event", "stream_sid", "name")), entry["outlives_run"]) for entry in entries]

    return run


def test_start_and_stop_are_written_under_sid_and_name(simulator: Any, run: Any) -> None:
    [call] = simulator.seed()
    ids = {"call_sid": call["sid"]}
    record, entries = run(StartCallStreamOperator, **ids, url="wss://bot.example.com/", name="bot", outlives_run=True)
    assert entries == [("started", record["sid"], "bot", True)]
    assert run(StopCallStreamOperator, **ids, stream_sid="bot")[1] == [("stopped", record["sid"], "bot", False)]
    simulator.state.end_call(call["sid"])
    assert run(StopCallStreamOperator, **ids, stream_sid="bot")[1] == [("ended", "bot", None, False)]


def test_batch_writes_what_no_longer_runs(simulator: Any, run: Any, monkeypatch: Any) -> None:
    stopped, ended, other = simulator.seed(count=3, streams=[{"name": "bot"}])
    simulator.state.end_call(ended["sid"])
    sids = [call["streams"][0]["sid"] for call in (stopped, ended)]
    rows = [
        {"call_sid": stopped["sid"], "stream_sid": "bot"},
        {"call_sid": ended["sid"], "stream_sid": sids[1]},
        {"call_sid": other["sid"], "stream_sid": "no such stream"},
    ]
    with pytest.raises(SignalWireBatchRefusedError):
        run(StopCallStreamsOperator, streams=rows, max_concurrency=1)
    # A retry also writes what the earlier try has stopped by its SID.
    _, entries = run(StopCallStreamsOperator, streams=rows, fail_on_error=False)
    assert entries == [("stopped", sids[1], None, False)]
    _, entries = run(StopCallStreamsOperator, streams=rows, ignore_if_missing=True, max_concurrency=1)
    assert entries == [("stopped", sids[0], "bot", False), ("ended", sids[1], None, False)]
    monkeypatch.setattr(journal_events, "MAX_ENTRIES", 2)
    with pytest.raises(SignalWireConfigurationError, match="can hold 2 streams, and there are 3"):
        run(StopCallStreamsOperator, streams=rows)


def test_event_that_is_too_large_or_cannot_be_written_is_logged(monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setattr(journal_events, "MAX_ENTRIES", 2)
    written = SimpleNamespace(extra={})
    events = [StreamEvent("stopped", "project", "call", sid, None, NOW) for sid in "abc"]
    for outlet_events in ({JOURNAL: written}, {}):
        journal_events.write_stream_events({"outlet_events": outlet_events}, [JOURNAL], events)
    assert [entry["stream_sid"] for entry in written.extra[JOURNAL_KEY]["entries"]] == ["a", "b"]
    assert "The journal's event holds 2 of 3 streams; the others stay listed." in caplog.text
    assert "The streams could not be recorded in the journal (KeyError: " in caplog.text


def test_cleanup_stops_forgotten_streams_of_its_project(simulator: Any, run: Any, caplog: Any) -> None:
    caplog.set_level("INFO")
    [call] = simulator.seed(streams=[{"name": "bot"}])
    sid = call["streams"][0]["sid"]
    started = event_at("started", sid, hours=2, project=simulator.project, call_sid=call["sid"])
    events = [started, event_at("started", "elsewhere", hours=2)]
    arguments = {"outlets": [], "journal": [JOURNAL], "events": events}
    found, _ = run(CallStreamCleanupOperator, dry_run=True, **arguments)
    [listed] = found["would_stop"]
    assert (listed["stream_sid"], listed["run_state"], listed["age_seconds"] // 3600) == (sid, "failed", 2)
    assert f"Would stop stream '{sid}' ('bot')" in caplog.text
    summary, entries = run(CallStreamCleanupOperator, **arguments)
    assert [summary[key] for key in ("running", "other_projects", "stopped", "forgotten_not_listed")] == [1, 1, 1, 0]
    assert [forgotten["stream_sid"] for forgotten in summary["forgotten"]] == [sid]
    assert entries == [("stopped", sid, "bot", False)]
    assert "1 streams are running according to the journal, 1 of them are forgotten. 1 more streams " in caplog.text
    assert f"Stopping stream '{sid}' ('bot')" in caplog.text


def test_streams_above_the_limit_are_stopped_after_approval(simulator: Any, run: Any, monkeypatch: Any) -> None:
    exceptions = pytest.importorskip("airflow.sdk.exceptions")
    if not hasattr(exceptions, "TaskAwaitingInput"):
        pytest.skip("Airflow before 3.3 cannot wait for a person")
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **detail: questions.append(detail))
    calls = simulator.seed(count=3, streams=[{"name": "bot"}])
    ids = [(call["sid"], call["streams"][0]["sid"]) for call in calls]
    events = [event_at("started", sid, hours=2, project=simulator.project, call_sid=call_sid) for call_sid, sid in ids]
    options = {"journal": [JOURNAL], "max_stops": 1, "on_limit": "approve", "response_timeout": 90}
    with pytest.raises(exceptions.TaskAwaitingInput) as asked:
        run(CallStreamCleanupOperator, events=events[:2], **options)
    [question] = questions
    assert (question["ti_id"], question["subject"]) == ("ti", "Stop 2 forgotten streams?")
    assert (question["options"], question["params"]) == (["Approve", "Reject"], {})
    assert "lists 2 forgotten streams, more than 'max_stops' (1).\n\n* stream '" in question["body"]
    assert asked.value.timeout == timedelta(seconds=90)
    assert simulator.requests() == []
    resume = {"event": {"chosen_options": ["Approve"]}, **asked.value.kwargs}
    summary, _ = run(CallStreamCleanupOperator, events=events, resume=resume, **options)
    assert (summary["running"], summary["stopped"]) == (3, 2)
    assert running(simulator) == [ids[2][1]]
