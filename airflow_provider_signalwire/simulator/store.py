"""Everything that the simulated accounts hold, and what both engines do with streams."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from airflow_provider_signalwire.simulator.compatibility.calls import Call, Conference
from airflow_provider_signalwire.simulator.errors import ApiError
from airflow_provider_signalwire.simulator.native.calls import NativeCall
from airflow_provider_signalwire.simulator.resources import Collection, Resource, Stream
from airflow_provider_signalwire.simulator.seeds import parse_seeds
from airflow_provider_signalwire.simulator.settings import Settings

CAPACITY = 200_000  # calls, conferences, streams and recordings together
STARTED, STOPPED = "stream-started", "stream-stopped"

Seeded = dict[str, Any]


class Store:
    """Calls and conferences of one project and its subprojects.

    Requests hold ``lock``; so must whatever uses the methods for them in another thread at the same time.

    :param settings: accounts, and how long answering and stopping take
    :param clock: returns the time in seconds since the epoch
    :param on_stream_event: called with a stream, the event, its time, and the seconds until then
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        on_stream_event: Callable[[Stream, str, float, float], None],
    ) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._on_stream_event = on_stream_event
        self._started_at = clock()
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """Forget everything, and continue under these settings."""
        with self.lock:
            self.settings = settings
            self._numbers = itertools.count()
            self._count = 0
            self.calls: Collection[Call] = Collection()
            self.conferences: Collection[Conference] = Collection()
            self.native_calls: Collection[NativeCall] = Collection()
            self._collections: dict[str, Collection[Any]] = {
                "calls": self.calls,
                "conferences": self.conferences,
                "native_calls": self.native_calls,
            }

    def start(self, parent: Resource, stream: Stream) -> None:
        """Add a stream.

        :raises ApiError: 503 if the simulator is full
        """
        self.reserve()
        parent.streams[stream.sid] = stream
        self._on_stream_event(stream, STARTED, stream.started_at, 0)

    def stop(self, stream: Stream) -> None:
        """Stop a stream. Stopping it again does not delay the stop."""
        if stream.stopped_at is None:
            now, delay = self.clock(), self.settings.stop_delay_ms / 1000
            stream.stop_requested_at, stream.stopped_at = now, now + delay
            self._on_stream_event(stream, STOPPED, stream.stopped_at, delay)

    def end_call(self, sid: str, status: str = "completed") -> None:
        """End a call or a conference as the network would.

        :param status: ``completed``, ``canceled``, ``busy``, ``failed`` or ``no-answer``; ``ended`` of a native call
        """
        with self.lock:
            now = self.clock()
            collection = next((one for one in self._collections.values() if sid in one), self.calls)
            for stream in collection[sid].end(status, now):
                self._on_stream_event(stream, STOPPED, now, 0)

    def seed(self, plan: Any, kind: str = "calls") -> list[Seeded]:
        """Add calls or conferences without going through the API, and return their SIDs and those of their streams.

        :param plan: as :func:`parse_seeds` takes it
        :param kind: ``calls``, ``conferences`` or ``native_calls``
        :raises ValueError: if it is invalid; then nothing is added
        """
        seeds = parse_seeds(plan, kind)
        if unknown := {seed.account_sid for seed in seeds} - {None, self.settings.project, *self.settings.subprojects}:
            raise ValueError(f"there is no account {unknown.pop()!r}")
        count = sum(seed.count * (1 + len(seed.streams)) for seed in seeds)
        if self._count + count > CAPACITY:
            raise ValueError(f"the simulator would be full ({CAPACITY:,} calls, conferences and streams)")
        now = self.clock()
        added = [one for seed in seeds for one in seed.resources(self.settings.project, now, self._numbers)]
        sids = {one.sid for one in added}
        with self.lock:
            if len(sids) < len(added) or any(sid in one for one in self._collections.values() for sid in sids):
                raise ValueError("a sid is in use already")
            self._count += count
            self._collections[kind].add(added)
        return [
            {"sid": one.sid, "streams": [{"sid": it.sid, "name": it.name} for it in one.streams.values()]}
            for one in added
        ]

    def snapshot(self) -> dict[str, Any]:
        """Return everything there is, without secrets."""
        now, found = self.clock(), {kind: list(collection) for kind, collection in self._collections.items()}
        streams = [one for resources in found.values() for parent in resources for one in list(parent.streams.values())]
        return {
            **{kind: [one.summary(now) for one in resources] for kind, resources in found.items()},
            "streams": [stream.summary(now) for stream in streams],
            "recordings": [one.record() for call in found["calls"] for one in list(call.recordings.values())],
            "counts": {
                "calls": len(found["calls"]),
                "streams": len(streams),
                "running_streams": sum(stream.status(now) != "stopped" for stream in streams),
            },
        }

    def reserve(self) -> None:
        """Count one more resource.

        :raises ApiError: 503 if the simulator is full
        """
        if self._count >= CAPACITY:
            raise ApiError(503, f"The simulator is full ({CAPACITY:,} calls, conferences and streams): reset it.")
        self._count += 1
