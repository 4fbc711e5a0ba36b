"""Which streams are running, according to the events that tasks wrote. No I/O.

The events are written and read by ``journal_events``. In the state store of the journal's assets, ``journal_intents``
keeps starts that may leave no event, and ``journal_snapshot`` what an earlier cleanup has read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from sys import intern
from typing import Any

from airflow_provider_signalwire.client.protocol.filters import parse_datetime
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, StreamParent

JOURNAL_KEY = "signalwire_streams"

_VERSION = 1


@dataclass(frozen=True, slots=True)
class StreamOwner:
    """The task that wrote an event. An event that was created through Airflow's API has none: its ids are empty."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True)
class StreamEvent:
    """What happened to a stream.

    :param event: ``started``; ``stopped`` (a stop was accepted, or there is no such stream); or ``ended``, with its
        call or conference and so with every other stream of it.
    :param account_sid: The project.
    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID.
    :param name: The stream's name, if it is known.
    :param at: When, with a time zone.
    :param outlives_run: Whether a started stream is meant to run on after its DAG run.
    :param parent: What the stream belongs to.
    """

    event: str
    account_sid: str
    parent_sid: str
    stream_sid: str
    name: str | None
    at: datetime
    outlives_run: bool = False
    parent: StreamParent = CALL


@dataclass(frozen=True, slots=True)
class RunningStream:
    """A stream that was started, and of which no end is known. See :class:`StreamEvent`.

    A start whose outcome is unknown has the stream's name as ``stream_sid``: it is stopped by name.
    """

    account_sid: str
    parent_sid: str
    stream_sid: str
    name: str | None
    started_at: datetime
    owner: StreamOwner
    outlives_run: bool = False
    parent: StreamParent = CALL

    @property
    def is_unconfirmed(self) -> bool:
        """Whether only the intent to start it is known."""
        return self.stream_sid == self.name

    def as_dict(self) -> dict[str, Any]:
        """Return the stream for Airflow's state stores: the entry of its start, and its owner."""
        return {**_to_entry("started", self, self.started_at), "owner": asdict(self.owner)}

    @classmethod
    def from_dict(cls, stored: Any) -> RunningStream:
        """Return the stream that :meth:`as_dict` was called for.

        :raises KeyError: if another version stored it; or ``TypeError`` or ``ValueError``.
        """
        return _read_start(stored, StreamOwner(**stored["owner"]))


def to_extra(events: Iterable[StreamEvent]) -> dict[str, Any]:
    """Return the extra of an asset event. Telephone numbers in names are masked."""
    entries = [_to_entry(event.event, event, event.at) for event in events]
    return {JOURNAL_KEY: {"version": _VERSION, "entries": entries}}


def _to_entry(event: str, stream: StreamEvent | RunningStream, at: datetime) -> dict[str, Any]:
    return {
        "event": event,
        "account_sid": stream.account_sid,
        stream.parent.id_name: stream.parent_sid,
        "stream_sid": stream.stream_sid,
        "name": None if stream.name is None else mask_phone_numbers(stream.name),
        "at": at.astimezone(UTC).isoformat(),
        "outlives_run": stream.outlives_run,
    }


def _read_parent(entry: Any) -> StreamParent:
    return CONFERENCE if CONFERENCE.id_name in entry else CALL


def _read_ids(entry: Any) -> tuple[str, str, str]:
    # Many events name the same projects and calls.
    account_sid, parent_sid = intern(str(entry["account_sid"])), intern(str(entry[_read_parent(entry).id_name]))
    return account_sid, parent_sid, str(entry["stream_sid"])


def _read_start(entry: Any, owner: StreamOwner) -> RunningStream:
    at = parse_datetime(entry["at"])
    if entry["event"] != "started" or at is None or at.tzinfo is None:
        raise ValueError
    outlives_run = entry.get("outlives_run") is True
    return RunningStream(*_read_ids(entry), entry.get("name"), at, owner, outlives_run, _read_parent(entry))


class StreamJournal:
    """Collects events in any order; an event that is added twice counts once.

    :ivar skipped: Number of entries that could not be read.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._started: dict[tuple[str, str, str], RunningStream] = {}
        self._unconfirmed: dict[tuple[str, str, str], RunningStream] = {}
        self._stopped: set[tuple[str, str, str]] = set()
        self._ended_parents: set[tuple[str, str]] = set()

    def add(self, extra: Any, owner: StreamOwner) -> int:
        """Add the entries of an asset event, and return their number; extras of others are ignored."""
        content = extra.get(JOURNAL_KEY) if isinstance(extra, dict) else None
        if content is None:
            return 0
        entries = content.get("entries") if isinstance(content, dict) and content.get("version") == _VERSION else None
        if not isinstance(entries, list):
            self.skipped += 1
            return 0
        for entry in entries:
            try:
                self._add_entry(entry, owner)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.skipped += 1
        return len(entries)

    def add_started(self, stream: RunningStream) -> None:
        """Add the start of a stream that was read earlier."""
        key = (stream.account_sid, stream.parent_sid, stream.stream_sid)
        self._started[key] = _choose(min, stream, self._started.get(key))

    def add_unconfirmed(self, start: RunningStream) -> None:
        """Add a start whose outcome is unknown, unless there is an event about it.

        A name is unique among the running streams of a call, so only its latest start counts.
        """
        key = (start.account_sid, start.parent_sid, start.stream_sid)
        self._unconfirmed[key] = _choose(max, start, self._unconfirmed.get(key))

    def running_streams(self) -> list[RunningStream]:
        """Return the streams that were or may have been started, and of which no end is known, the oldest first."""
        unconfirmed = dict(self._unconfirmed)
        for stream in self._started.values():
            key = (stream.account_sid, stream.parent_sid, stream.name or "")
            if key in unconfirmed and unconfirmed[key].started_at <= stream.started_at:
                del unconfirmed[key]
        started = {key: stream for key, stream in self._started.items() if key not in self._stopped}
        running = [stream for key, stream in {**started, **unconfirmed}.items() if key[:2] not in self._ended_parents]
        return sorted(
            running, key=lambda stream: (stream.started_at, stream.account_sid, stream.parent_sid, stream.stream_sid)
        )

    def _add_entry(self, entry: Any, owner: StreamOwner) -> None:
        if entry["event"] == "stopped":
            self._stopped.add(_read_ids(entry))
        elif entry["event"] == "ended":
            self._ended_parents.add(_read_ids(entry)[:2])
        else:
            self.add_started(_read_start(entry, owner))


def _choose(by: Callable[..., RunningStream], stream: RunningStream, known: RunningStream | None) -> RunningStream:
    """Return the earliest or the latest of two starts, the same one in any order."""
    return stream if known is None else by(stream, known, key=lambda each: (each.started_at, repr(each)))
