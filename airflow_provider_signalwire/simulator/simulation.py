"""Everything one simulator holds: its state, and what surrounds it."""

from __future__ import annotations

import collections
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.simulator.faults import FaultList
from airflow_provider_signalwire.simulator.journal import Journal
from airflow_provider_signalwire.simulator.rate_limit import RateLimit
from airflow_provider_signalwire.simulator.settings import Settings, parse_rate_limit
from airflow_provider_signalwire.simulator.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLBACKS_KEPT = 1000


class Simulation:
    """A simulated SignalWire, without the HTTP around it.

    :param settings: how it is set up
    :param clock: tells the time, in seconds since the epoch
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._initial = settings
        self.state = State(settings, clock)
        self.faults = FaultList()
        self.journal = Journal()
        self.sent_callbacks: collections.deque[dict[str, str]] = collections.deque(maxlen=_CALLBACKS_KEPT)
        self.rate_limit = _rate_limit(settings)

    def reset(self, /, **changes: object) -> None:
        """Forget calls, requests and faults, and return to the settings of the start.

        :param changes: settings that are to differ: ``latency_ms``, ``answer_delay_ms``, ``stop_delay_ms``,
            ``rate_limit``
        :raises ValueError: for a setting that cannot be; then nothing is reset
        """
        settings = self._initial.changed(changes)
        self.faults.replace([])
        self.state.reset(settings)
        self.journal.clear()
        self.sent_callbacks.clear()
        self.rate_limit = _rate_limit(settings)

    def describe(self) -> dict[str, Any]:
        """Return settings, calls, streams, counts and callbacks, without secrets."""
        snapshot = self.state.snapshot()
        snapshot["counts"]["requests"] = self.journal.total
        return {
            "settings": self.state.settings.public(),
            **snapshot,
            "callbacks": list(self.sent_callbacks.copy()),
        }


def _rate_limit(settings: Settings) -> RateLimit | None:
    return None if settings.rate_limit is None else RateLimit(*parse_rate_limit(settings.rate_limit))
