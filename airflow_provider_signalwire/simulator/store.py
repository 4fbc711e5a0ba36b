"""Everything that one simulator holds, and what both engines do with streams."""

from __future__ import annotations

import asyncio
import collections
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_signalwire.simulator.callbacks import CallbackSender
from airflow_provider_signalwire.simulator.errors import ApiError, not_found
from airflow_provider_signalwire.simulator.faults import Fault
from airflow_provider_signalwire.simulator.resources import Record, Resource, Stream
from airflow_provider_signalwire.simulator.settings import Behavior, RateLimit, Settings

CAPACITY = 200_000  # calls, conferences, streams and recordings together
LOG_CAPACITY = 150_000

_SECRET_FIELDS = frozenset({"AuthorizationBearerToken", "SipAuthPassword", "authorization_bearer_token"})

ResourceT = TypeVar("ResourceT", bound=Resource)


class Store:
    """Calls and conferences of one project and its subprojects, the faults in force, and the log of requests.

    A request holds ``lock`` while it is processed; other threads must hold it, too, to call the methods for requests.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self._initial_settings = settings
        self.clock = clock or time.time
        self.lock = threading.RLock()
        self.callbacks = CallbackSender()
        self._in_flight: set[asyncio.Task[Any]] = set()
        self.started_at = self.clock()
        self.reset()

    def reset(self, /, **changes: Any) -> None:
        """Forget calls, requests and faults, end what is in flight, and return to the initial settings.

        :param changes: settings that differ, as of :class:`Behavior`
        :raises ValueError: for an invalid setting; then nothing is reset
        """
        behavior = Behavior(**changes).model_dump(exclude_unset=True)
        self.callbacks.run_in_loop(self._cancel_all)  # after the callbacks that responses have planned already
        with self.lock:
            self.settings = self._initial_settings.model_copy(update=behavior)
            self.rate_limit = RateLimit(self.settings.rate_limit) if self.settings.rate_limit else None
            self.faults: list[Fault] = []  # the first one that fires affects the request
            self.callbacks.sent.clear()
            self.request_count = 0
            self._log: collections.deque[Record] = collections.deque(maxlen=LOG_CAPACITY)
            self.resources: dict[str, Resource] = {}
            self.numbers = itertools.count()
            self.count = 0

    def _cancel_all(self) -> None:
        for task in self._in_flight | self.callbacks.pending:
            task.cancel()

    def end_on_reset(self) -> None:
        """Let a reset cancel the task that serves the current request."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # as in every coroutine of a server
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    def log_request(self, *, form: Mapping[str, Any], **details: Any) -> Record:
        """Append a request to the log, without secrets. Its status stays None if the connection ends unanswered."""
        entry = {**details, "form": _redacted(form), "status": None, "fault": None}
        self.request_count += 1
        self._log.append(entry)
        return entry

    def requests(self, path_contains: str = "") -> list[Record]:
        """Return the requests whose path, as it was sent, contains a string; oldest first."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        return [entry.copy() for entry in self._log.copy() if path_contains in entry["path"]]

    def find(self, resource_type: type[ResourceT], account_sid: str, sid: str) -> ResourceT:
        """Return a call or a conference of an account; without one, the error is 404."""
        resource = self.resources.get(sid)
        if not isinstance(resource, resource_type) or resource.account_sid != account_sid:
            raise not_found(sid)
        return resource

    def start(self, parent: Resource, **details: Any) -> Stream:
        """Start a stream with these fields."""
        self.reserve()
        stream = parent.add_stream(started_at=self.clock(), **details)
        self._report(stream, "stream-started", stream.started_at)
        return stream

    def stop(self, stream: Stream) -> None:
        """Stop a stream. Stopping it again does not delay the stop."""
        if stream.stopped_at is None:
            now, delay = self.clock(), self.settings.stop_delay_ms / 1000
            stream.stop_requested_at, stream.stopped_at = now, now + delay
            self._report(stream, "stream-stopped", stream.stopped_at, delay)

    def end_call(self, sid: str, status: str = "completed") -> None:
        """End a call or a conference as the network would.

        :param status: ``completed``, ``canceled``, ``busy``, ``failed`` or ``no-answer``; ``ended`` of a native call
        """
        with self.lock:
            now = self.clock()
            for stream in self.resources[sid].end(status, now):
                self._report(stream, "stream-stopped", now)

    def add(self, resources: list[Resource]) -> None:
        """Add calls or conferences with their streams.

        :raises ValueError: if a SID is in use; then nothing is added
        """
        by_sid = {one.sid: one for one in resources}
        with self.lock:
            if len(by_sid) < len(resources) or by_sid.keys() & self.resources.keys():
                raise ValueError("a sid is in use already")
            self.count += sum(1 + len(one.streams) for one in resources)
            self.resources |= by_sid

    def snapshot(self) -> Record:
        """Return settings, resources, counts and callbacks, without secrets."""
        now = self.clock()
        found: dict[str, list[Any]] = {"calls": [], "conferences": [], "native_calls": []}
        with self.lock:
            for one in self.resources.values():
                found[f"{one.kind}s"].append(one)
            streams = [
                stream.summary(now) for one in itertools.chain(*found.values()) for stream in one.streams.values()
            ]
            recordings = [one.record() for call in found["calls"] for one in call.recordings.values()]
        return {
            "settings": self.settings.model_dump(),
            **{kind: [one.summary(now) for one in parents] for kind, parents in found.items()},
            "streams": streams,
            "recordings": recordings,
            "counts": {
                "calls": len(found["calls"]),
                "streams": len(streams),
                "running_streams": sum(stream["status"] != "stopped" for stream in streams),
                "requests": self.request_count,
            },
            "callbacks": list(self.callbacks.sent.copy()),
        }

    @property
    def free(self) -> int:
        """How many more calls, conferences, streams and recordings there is room for."""
        return CAPACITY - self.count

    def reserve(self) -> None:
        """Count one more resource; beyond the capacity, the error is 503."""
        if not self.free:
            raise ApiError(503, f"The simulator is full ({CAPACITY:,} calls, conferences and streams): reset it.")
        self.count += 1

    def _report(self, stream: Stream, event: str, due: float, delay: float = 0) -> None:
        if stream.callback_url:
            key = self.settings.signing_key
            self.callbacks.run_in_loop(self.callbacks.plan, stream, event, due, delay, key)


def _redacted(form: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: "redacted" if name in _SECRET_FIELDS else _redacted(value) if isinstance(value, dict) else value
        for name, value in form.items()
    }
