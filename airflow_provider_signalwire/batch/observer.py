"""Metrics of a batch, sent off the event loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from airflow_provider_signalwire.client.policy.observer import Observer

# With a metrics server that is slower than the batch, the oldest events are dropped.
_MAX_EVENTS = 100_000


class QueuedObserver(Observer):
    """Keeps the events of a client until another thread passes them on; sending metrics may block or fail.

    :param target: Receives the events.
    """

    def __init__(self, target: Observer) -> None:
        self._target = target
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=_MAX_EVENTS)

    def request_ended(self, operation: str, outcome: str, seconds: float) -> None:
        """Queue the event."""
        self._events.append((self._target.request_ended, (operation, outcome, seconds)))

    def request_retried(self, operation: str) -> None:
        """Queue the event."""
        self._events.append((self._target.request_retried, (operation,)))

    def rate_limit_met(self, operation: str, seconds: float) -> None:
        """Queue the event."""
        self._events.append((self._target.rate_limit_met, (operation, seconds)))

    def stream_stopped(self, how: str) -> None:
        """Queue the event."""
        self._events.append((self._target.stream_stopped, (how,)))

    def pass_on(self, *, max_seconds: float) -> None:
        """Pass queued events on, for a limited time."""
        deadline = time.monotonic() + max_seconds
        while self._events and time.monotonic() < deadline:
            notify, event = self._events.popleft()
            notify(*event)
