"""Everything that one simulator holds: its state, faults, callbacks, and the log of the requests it received."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_signalwire.simulator.callbacks import CallbackSender
from airflow_provider_signalwire.simulator.compatibility.calls import Stream
from airflow_provider_signalwire.simulator.compatibility.state import State
from airflow_provider_signalwire.simulator.faults import Fault
from airflow_provider_signalwire.simulator.settings import RateLimit, Settings

LOG_CAPACITY = 128 * 1024 * 1024  # bytes, estimated

_ENTRY_SIZE, _FIELD_SIZE = 600, 120  # bytes in memory beside the strings
_SECRET_FIELDS = ("AuthorizationBearerToken", "SipAuthPassword")


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One API request, without secrets, and the status of its response once there is one."""

    method: str
    path: str
    query: str
    form: Mapping[str, str | list[str]]
    timestamp: float
    request_id: str
    status: int | None = None  # stays None when the connection ends without a response
    fault: str | None = None

    def __post_init__(self) -> None:
        for name in _SECRET_FIELDS:
            if name in self.form:
                self.form = {**self.form, name: "redacted"}


class RequestLog:
    """The latest requests, oldest first, and how many there were in all."""

    def __init__(self) -> None:
        self.total = self._size = 0
        self._entries: collections.deque[tuple[int, Entry]] = collections.deque()

    def add(self, entry: Entry, body_size: int) -> None:
        """Append a request, and drop the oldest ones if the log is full."""
        size = _ENTRY_SIZE + len(entry.path) + len(entry.query) + body_size + _FIELD_SIZE * len(entry.form)
        self.total += 1
        self._size += size
        self._entries.append((size, entry))
        while self._size > LOG_CAPACITY:
            self._size -= self._entries.popleft()[0]

    def clear(self) -> None:
        """Drop all entries, one by one: to free many objects at once blocks every request."""
        while self._entries:
            self._entries.popleft()

    def entries(self, path_contains: str = "") -> Iterator[dict[str, object]]:
        """Yield the requests whose path, as it was sent, contains a string."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        found = (entry for _, entry in self._entries.copy() if path_contains in entry.path)
        return ({name: getattr(entry, name) for name in entry.__slots__} for entry in found)


class Simulation:
    """A simulated SignalWire.

    :param settings: its settings
    :param clock: returns the time in seconds since the epoch
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self._initial = settings
        self.loop: asyncio.AbstractEventLoop | None = None  # set while it is served
        self.in_flight: set[asyncio.Task[Any]] = set()
        self.callbacks = CallbackSender()
        self.state = State(settings, clock or _steady_clock(), self._on_stream_event)
        self._forget(settings)

    def reset(self, /, **changes: Any) -> None:
        """Forget calls, requests and faults, end what is in flight, and return to the initial settings.

        :param changes: settings that differ: ``latency_ms``, ``answer_delay_ms``, ``stop_delay_ms``, ``rate_limit``
        :raises ValueError: for an invalid setting; then nothing is reset
        """
        settings = self._initial.changed(changes)
        for task in self.in_flight | self.callbacks.pending:
            self._in_loop(task.cancel)
        forgotten = self.request_log
        self.state.reset(settings)
        self._forget(settings)
        forgotten.clear()

    def _forget(self, settings: Settings) -> None:
        self.faults: list[Fault] = []  # the first one that fires affects the request
        self.rate_limit = RateLimit(settings.rate_limit) if settings.rate_limit else None
        self.credentials = settings.credentials()
        self.request_log = RequestLog()
        self.callbacks.sent.clear()

    @contextlib.contextmanager
    def ended_by_reset(self) -> Iterator[None]:
        """Let a reset cancel the current task."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # as in every coroutine of a server
        self.in_flight.add(task)
        try:
            yield
        finally:
            self.in_flight.discard(task)

    def _on_stream_event(self, stream: Stream, event: str, due: float, delay: float) -> None:
        if stream.callback_url:
            self._in_loop(self.callbacks.plan, stream, event, due, delay, self.state.settings.signing_key)

    def _in_loop(self, function: Callable[..., object], *args: Any) -> None:
        # A test may call from its own thread.
        if self.loop is not None:
            self.loop.call_soon_threadsafe(function, *args)


def _steady_clock() -> Callable[[], float]:
    """Return a clock that starts with the system's time and ignores its jumps."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset
