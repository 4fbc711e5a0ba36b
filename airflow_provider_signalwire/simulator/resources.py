"""What streams belong to (calls and conferences), the streams themselves, and collections that find both.

No timers run. A call is answered, or a stream stopped, once its time has come.
"""

from __future__ import annotations

import asyncio
import bisect
import dataclasses
import datetime
import email.utils
import functools
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from airflow_provider_signalwire.simulator.errors import not_found

Record = dict[str, Any]
Place = tuple[float, int]


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Resource:
    """A call or a conference, with its streams.

    :param number: the order of creation
    """

    kind: ClassVar[str]
    sid_key: ClassVar[str]  # the key of its SID in the records of its streams
    running_status: ClassVar[str] = "in-progress"
    unnamed: ClassVar[str | None] = ""  # the name that the record of a stream without a name has

    sid: str
    account_sid: str
    created_at: float
    number: int
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

    def find_stream(self, sid_or_name: str) -> Stream:
        """Return a stream by SID, or else the latest of that name, since only it can be running.

        :raises ApiError: 404
        """
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

    sid: str
    account_sid: str
    parent_key: str
    parent_sid: str  # not the call itself: such cycles cost the garbage collector a lot of time
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

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the stream, without secrets. The API has no such record."""
        return {
            self.parent_key: self.parent_sid,
            "sid": self.sid,
            "name": self.name,
            "status": self.status(now),
            "date_updated": rfc_2822(self.updated_at(now)),
            "url": self.url.partition("?")[0],
            "track": self.track,
            "parameters": self.parameters,
            "authorization_bearer_token": "redacted" if self.has_bearer_token else None,
        }

    def updated_at(self, now: float) -> float:
        """Return when the stream's status last changed."""
        is_stopped = self.stopped_at is not None and now >= self.stopped_at
        return (self.stopped_at if is_stopped else None) or self.stop_requested_at or self.started_at


ResourceT = TypeVar("ResourceT", bound=Resource)


class Collection(Generic[ResourceT]):
    """Resources of one kind, by SID and in the order of their creation."""

    def __init__(self) -> None:
        self._by_sid: dict[str, ResourceT] = {}
        self._ordered: list[tuple[Place, ResourceT]] = []

    def __iter__(self) -> Iterator[ResourceT]:
        return iter(list(self._by_sid.values()))

    def __contains__(self, sid: str) -> bool:
        return sid in self._by_sid

    def __getitem__(self, sid: str) -> ResourceT:
        return self._by_sid[sid]

    def get(self, account_sid: str, sid: str) -> ResourceT:
        """Return a resource of an account.

        :raises ApiError: 404
        """
        resource = self._by_sid.get(sid)
        if resource is None or resource.account_sid != account_sid:
            raise not_found(sid)
        return resource

    def add(self, resources: list[ResourceT]) -> None:
        """Add resources. A single one nearly always belongs at the end."""
        self._by_sid |= {one.sid: one for one in resources}
        if len(resources) == 1:
            bisect.insort(self._ordered, (resources[0].place, resources[0]))
        else:
            self._ordered = sorted([*self._ordered, *((one.place, one) for one in resources)])

    def remove(self, resource: ResourceT) -> None:
        """Remove a resource."""
        del self._by_sid[resource.sid]
        del self._ordered[bisect.bisect_left(self._ordered, (resource.place,))]

    def before(self, account_sid: str, place: Place | None) -> Iterator[ResourceT]:
        """Return the resources of an account before a place, or all of them, newest first."""
        end = len(self._ordered) if place is None else bisect.bisect_left(self._ordered, (place,))
        return (one for _, one in reversed(self._ordered[:end]) if one.account_sid == account_sid)


def new_sid() -> str:
    """Return a SID that nothing else has."""
    return str(uuid.uuid4())


@functools.lru_cache(maxsize=8192)
def quoted(segment: str) -> str:
    """Encode a path segment."""
    return quote(segment, safe="")


def rfc_2822(moment: float | None) -> str | None:
    """Format a time as the Compatibility API does, in whole seconds."""
    return None if moment is None else _rfc_2822(int(moment))


@functools.lru_cache(maxsize=8192)
def _rfc_2822(second: int) -> str:
    return email.utils.format_datetime(datetime.datetime.fromtimestamp(second, datetime.UTC))
