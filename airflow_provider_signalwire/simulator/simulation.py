"""Everything that one simulator holds: its state, faults, callbacks, and the log of the requests it received."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_signalwire.simulator.callbacks import CallbackSender
from airflow_provider_signalwire.simulator.compatibility.state import State
from airflow_provider_signalwire.simulator.faults import Fault
from airflow_provider_signalwire.simulator.request_log import RequestLog
from airflow_provider_signalwire.simulator.resources import Stream
from airflow_provider_signalwire.simulator.settings import RateLimit, Settings


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
        self._in_loop(self._cancel_all)  # after the callbacks that responses have planned already
        self.state.reset(settings)
        self._forget(settings)

    def _cancel_all(self) -> None:
        for task in self.in_flight | self.callbacks.pending:
            task.cancel()

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
