"""Metrics of a batch, sent off the event loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from airflow_provider_signalwire.client.policy.observer import Observer

# With a metrics server that is slower than the batch, the oldest events are dropped.
_MAX_EVENTS = 100_000

_MAX_SECONDS = 0.1


class QueuedObserver(Observer):
    """Keeps the events of a client until another thread passes them on; sending metrics may block or fail.

    :param target: Receives the events.
    """

    def __init__(self, target: Observer) -> None:
        self._target = target
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=_MAX_EVENTS)

    def on_request_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Queue the event."""
        self._events.append((self._target.on_request_finished, (operation, outcome, seconds)))

    def on_request_retried(self, operation: str) -> None:
        """Queue the event."""
        self._events.append((self._target.on_request_retried, (operation,)))

    def on_rate_limited(self, operation: str, seconds: float) -> None:
        """Queue the event."""
        self._events.append((self._target.on_rate_limited, (operation, seconds)))

    def on_stream_stopped(self, outcome: str) -> None:
        """Queue the event."""
        self._events.append((self._target.on_stream_stopped, (outcome,)))

    def pass_on(self, *, max_seconds: float = _MAX_SECONDS) -> None:
        """Pass queued events on, for a limited time."""
        deadline = time.monotonic() + max_seconds
        while self._events and time.monotonic() < deadline:
            notify, event = self._events.popleft()
            notify(*event)
