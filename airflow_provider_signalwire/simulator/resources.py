"""What streams belong to (calls and conferences), and the streams themselves.

There are no timers: the status of a call or a stream follows from the current time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import email.utils
import uuid
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_provider_signalwire.simulator.errors import not_found

Record = dict[str, Any]
Place = tuple[float, int]


def new_sid() -> str:
    """Return a new, unique SID."""
    return str(uuid.uuid4())


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Resource:
    """A call or a conference, with its streams."""

    kind: ClassVar[str]
    sid_key: ClassVar[str]  # the key of its SID in the records of its streams
    statuses: ClassVar[tuple[str, ...]]
    running_status: ClassVar[str] = "in-progress"
    ended_statuses: ClassVar[tuple[str, ...]] = ("completed",)
    unnamed: ClassVar[str | None] = ""  # the name that the record of a stream without a name has

    sid: str = dataclasses.field(default_factory=new_sid)
    account_sid: str
    created_at: float
    number: int  # the order of creation
    initial_status: str = ""
    ended_at: float | None = None
    end_status: str = ""
    streams: dict[str, Stream] = dataclasses.field(default_factory=dict)

    def status(self, now: float) -> str:
        """Return its status."""
        return self.end_status or self.initial_status

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of it."""
        return {"sid": self.sid, "account_sid": self.account_sid, "status": self.status(now)}

    @property
    def place(self) -> Place:
        """Its place in lists."""
        return self.created_at, self.number

    def add_stream(self, **details: Any) -> Stream:
        """Add a running stream with these fields."""
        stream = Stream(account_sid=self.account_sid, parent_key=self.sid_key, parent_sid=self.sid, **details)
        self.streams[stream.sid] = stream
        return stream

    def find_stream(self, sid_or_name: str) -> Stream:
        """Return a stream by SID, or else the latest of that name, since only it can be running."""
        named = (stream for stream in reversed(self.streams.values()) if stream.name == sid_or_name)
        stream = self.streams.get(sid_or_name) or next(named, None)
        if stream is None:
            raise not_found(f"stream {sid_or_name}")
        return stream

    def end(self, status: str, now: float) -> list[Stream]:
        """End it with its streams, and return the streams that were not stopped yet."""
        self.ended_at, self.end_status = now, status
        ended = [stream for stream in self.streams.values() if stream.status(now) != "stopped"]
        for stream in ended:
            stream.stopped_at = now
        return ended


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Stream:
    """A media stream of a call or a conference."""

    sid: str = dataclasses.field(default_factory=new_sid)
    account_sid: str
    parent_key: str
    parent_sid: str  # not the call itself: reference cycles cost the garbage collector a lot of time
    name: str
    url: str
    started_at: float
    track: str = "both_tracks"
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    has_bearer_token: bool = False  # the token itself is not kept
    callback_url: str = ""
    callback_method: str = "POST"
    last_callback: asyncio.Task[None] | None = None
    stop_requested_at: float | None = None
    stopped_at: float | None = None  # in the future while the stop has not taken effect

    def status(self, now: float) -> str:
        """Return the stream's status."""
        if self.stopped_at is None:
            return "in-progress"
        return "stopped" if now >= self.stopped_at else "queued"

    def updated_at(self, now: float) -> float:
        """Return when the stream's status last changed."""
        if self.stopped_at is not None and now >= self.stopped_at:
            return self.stopped_at
        return self.stop_requested_at or self.started_at

    def record(self, now: float) -> Record:
        """Return what records and the simulator's state both show."""
        return {
            "sid": self.sid,
            self.parent_key: self.parent_sid,
            "name": self.name,
            "status": self.status(now),
            "date_updated": rfc_2822(self.updated_at(now)),
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the stream, without secrets. The API has no such record."""
        return {
            **self.record(now),
            "url": self.url.partition("?")[0],
            "track": self.track,
            "parameters": self.parameters,
            "authorization_bearer_token": "redacted" if self.has_bearer_token else None,
        }


def quoted(segment: str) -> str:
    """Encode a path segment."""
    return quote(segment, safe="")


def rfc_2822(moment: float | None) -> str | None:
    """Format a time as the Compatibility API does, in whole seconds."""
    if moment is None:
        return None
    return email.utils.format_datetime(datetime.datetime.fromtimestamp(int(moment), datetime.UTC))
