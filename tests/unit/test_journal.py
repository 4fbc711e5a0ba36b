"""Which streams run, according to the events that tasks wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, StreamParent
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


def event(
    kind: str, sid: str, *, of: str = "call", name: str | None = "bot", at: datetime = AT, parent: StreamParent = CALL
) -> StreamEvent:
    return StreamEvent(kind, "project", of, sid, name, at, parent=parent)


conference_event = partial(event, of="conference", parent=CONFERENCE)


def journal_of(*extras: Any) -> StreamJournal:
    journal = StreamJournal()
    for extra in extras:
        journal.add(json.loads(json.dumps(extra)), OWNER)
    return journal


@pytest.mark.parametrize(
    ("events", "running"),
    [
        ([event("started", "a"), event("started", "b"), event("stopped", "a")], ["b"]),
        ([event("started", "b"), event("stopped", "a"), event("stopped", "b", of="other")], ["b"]),
        ([event("started", "a"), event("started", "b"), event("started", "c", of="other"), event("ended", "?")], ["c"]),
        ([conference_event("started", "a"), conference_event("started", "b"), conference_event("stopped", "a")], ["b"]),
        ([conference_event("started", "a"), conference_event("started", "b"), conference_event("ended", "a")], []),
    ],
)
def test_stream_runs_until_it_is_stopped_or_its_call_or_conference_ends(
    events: list[StreamEvent], running: list[str]
) -> None:
    assert [stream.stream_sid for stream in journal_of(to_extra(events)).running_streams()] == running


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


def test_entry_of_a_conference_names_the_conference() -> None:
    [entry] = to_extra([conference_event("started", "a")])[JOURNAL_KEY]["entries"]
    assert (entry["conference_sid"], "call_sid" in entry) == ("conference", False)
    [stream] = journal_of(to_extra([conference_event("started", "a")])).running_streams()
    assert (stream.parent, stream.parent_sid) == (CONFERENCE, "conference")
    assert RunningStream.from_dict(json.loads(json.dumps(stream.as_dict()))) == stream


ANOTHER_CALL = event("started", "b", of="other", at=AT + timedelta(hours=1))


@pytest.mark.parametrize(
    ("minutes", "events", "running"),
    [
        ([1], [event("started", "a"), event("stopped", "a"), event("stopped", "bot")], ["bot at 1"]),
        ([1], [ANOTHER_CALL], ["bot at 1", "b"]),
        ([0], [event("started", "a")], ["a"]),
        ([-1], [event("started", "a"), event("stopped", "a")], []),
        ([0, 1], [], ["bot at 1"]),
        ([1, 0], [], ["bot at 1"]),
        ([1], [event("ended", "any")], []),
    ],
    ids=["no event", "another call's", "its event", "a later start's", "latest", "latest, first", "end of the call"],
)
def test_start_may_be_running_until_an_event_of_it_or_of_a_later_one(
    minutes: list[int], events: list[StreamEvent], running: list[str]
) -> None:
    journal = journal_of(to_extra(events))
    for minute in minutes:
        journal.add_unconfirmed(RunningStream("project", "call", "bot", "bot", AT + timedelta(minutes=minute), OWNER))
    assert [
        f"bot at {(stream.started_at - AT).seconds // 60}" if stream.is_unconfirmed else stream.stream_sid
        for stream in journal.running_streams()
    ] == running
