"""Which streams run, according to the events that tasks wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.journal import (
    JOURNAL_KEY,
    RunningStream,
    StreamEvent,
    StreamJournal,
    StreamOwner,
    to_extra,
)

OWNER = StreamOwner("dag", "run", "task")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def event(kind: str, sid: str, *, call: str = "call", name: str | None = "bot", at: datetime = AT) -> StreamEvent:
    return StreamEvent(kind, "project", call, sid, name, at)


def journal_of(*extras: Any) -> StreamJournal:
    journal = StreamJournal()
    for extra in extras:
        journal.add(json.loads(json.dumps(extra)), OWNER)
    return journal


def running(*events: StreamEvent) -> list[str]:
    return [stream.stream_sid for stream in journal_of(to_extra(events)).running_streams()]


def test_started_stream_runs_until_it_is_stopped() -> None:
    assert running(event("started", "a"), event("started", "b"), event("stopped", "a")) == ["b"]


def test_same_name_or_another_call_is_another_stream() -> None:
    assert running(event("started", "b"), event("stopped", "a"), event("stopped", "b", call="other")) == ["b"]


def test_end_of_a_call_ends_all_its_streams() -> None:
    other = event("started", "c", call="other")
    assert running(event("started", "a"), event("started", "b"), other, event("ended", "bot")) == ["c"]


def test_oldest_stream_comes_first_with_its_owner_and_name() -> None:
    late = event("started", "a", at=AT + timedelta(hours=1))
    [first, second] = journal_of(to_extra([late, event("started", "b")])).running_streams()
    assert (first.stream_sid, first.started_at, first.owner, first.name) == ("b", AT, OWNER, "bot")
    assert second.started_at == late.at


def test_entry_holds_the_documented_keys_in_utc_and_no_telephone_number() -> None:
    at = AT.astimezone(timezone(timedelta(hours=2)))
    [entry] = to_extra([event("started", "a", name="for +15551234567", at=at)])[JOURNAL_KEY]["entries"]
    assert entry == {
        "event": "started",
        "account_sid": "project",
        "call_sid": "call",
        "stream_sid": "a",
        "name": "for +***4567",
        "at": "2026-01-02T03:04:05+00:00",
        "outlives_run": False,
    }


@pytest.mark.parametrize("extra", [None, [], "text", {}, {"other": 1}])
def test_extra_of_others_is_ignored(extra: Any) -> None:
    journal = journal_of(extra)
    assert (journal.running_streams(), journal.skipped) == ([], 0)


@pytest.mark.parametrize(
    "content", [None, 1, {"version": 2, "entries": []}, {"version": 1}, {"version": 1, "entries": {}}]
)
def test_unknown_version_is_counted(content: Any) -> None:
    assert journal_of({JOURNAL_KEY: content}).skipped == (content is not None)


@pytest.mark.parametrize(
    "change",
    [
        {"event": "paused"},
        {"at": "yesterday"},
        {"at": None},
        {"call_sid": ...},
        {"at": "2026-01-02T03:04:05"},
    ],
    ids=str,
)
def test_invalid_entry_is_counted_and_the_others_are_read(change: dict[str, Any]) -> None:
    extra = to_extra([event("started", "a"), event("started", "b")])
    entry = extra[JOURNAL_KEY]["entries"][0]
    for key, value in change.items():
        entry.pop(key) if value is ... else entry.update({key: value})
    journal = journal_of(extra)
    assert ([stream.stream_sid for stream in journal.running_streams()], journal.skipped) == (["b"], 1)


def unconfirmed(*minutes: float) -> list[RunningStream]:
    starts = [AT + timedelta(minutes=each) for each in minutes]
    return [RunningStream("project", "call", "bot", "bot", at, StreamOwner("dag", str(at), "task")) for at in starts]


def with_unconfirmed(starts: list[RunningStream], *events: StreamEvent) -> list[RunningStream]:
    journal = journal_of(to_extra(events))
    for start in starts:
        journal.add_unconfirmed(start)
    return journal.running_streams()


def conference_event(kind: str, sid: str) -> StreamEvent:
    return StreamEvent(kind, "project", "conference", sid, "bot", AT, parent=CONFERENCE)


def test_entry_of_a_conference_names_the_conference() -> None:
    [entry] = to_extra([conference_event("started", "a")])[JOURNAL_KEY]["entries"]
    assert (entry["conference_sid"], "call_sid" in entry) == ("conference", False)
    [stream] = journal_of(to_extra([conference_event("started", "a")])).running_streams()
    assert (stream.parent, stream.parent_sid) == (CONFERENCE, "conference")
    assert RunningStream.from_dict(json.loads(json.dumps(stream.as_dict()))) == stream


def test_end_of_a_conference_ends_all_its_streams() -> None:
    started = [conference_event("started", "a"), conference_event("started", "b")]
    assert running(*started, conference_event("stopped", "a")) == ["b"]
    assert running(*started, conference_event("ended", "a")) == []


def test_start_without_event_may_be_running() -> None:
    starts = unconfirmed(1)
    before, other_call = event("started", "a"), event("started", "b", call="other", at=AT + timedelta(hours=1))
    stopped = [event("stopped", "a"), event("stopped", "bot")]
    assert starts[0] in with_unconfirmed(starts, before, other_call, *stopped)
    assert starts[0].is_unconfirmed


def test_event_of_the_start_or_of_a_later_one_confirms_it() -> None:
    [stream] = with_unconfirmed(unconfirmed(0), event("started", "a"))
    assert (stream.stream_sid, stream.is_unconfirmed) == ("a", False)
    assert with_unconfirmed(unconfirmed(-1), event("started", "a"), event("stopped", "a")) == []


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_starts_of_a_name_the_latest_counts(order: int) -> None:
    early, late = unconfirmed(0, 1)
    assert with_unconfirmed([early, late][::order]) == [late]


def test_end_of_a_call_ends_starts_without_event() -> None:
    assert with_unconfirmed(unconfirmed(1), event("ended", "any")) == []
