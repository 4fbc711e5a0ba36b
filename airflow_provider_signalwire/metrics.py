"""What the provider counts and times, sent through Airflow's own metrics."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import TracebackType
from typing import Literal, NamedTuple

from airflow_provider_signalwire._compat import Stats
from airflow_provider_signalwire.client.policy.observer import Observer

log = logging.getLogger(__name__)


class Metric(NamedTuple):
    """One metric; its tags never tell whose call or stream it was."""

    name: str
    kind: Literal["counter", "timer", "gauge"]
    tags: tuple[str, ...]


REQUESTS = Metric("signalwire.requests", "counter", ("operation", "outcome"))
REQUEST_DURATION = Metric("signalwire.request.duration", "timer", ("operation",))
RETRIES = Metric("signalwire.retries", "counter", ("operation",))
RATE_LIMIT_WAITS = Metric("signalwire.rate_limit.waits", "counter", ("operation",))
RATE_LIMIT_WAIT_DURATION = Metric("signalwire.rate_limit.wait_duration", "timer", ("operation",))
STREAMS_STOPPED = Metric("signalwire.streams.stopped", "counter", ("how",))
BATCH_RATE = Metric("signalwire.batch.streams_per_second", "gauge", ())

METRICS = (
    REQUESTS,
    REQUEST_DURATION,
    RETRIES,
    RATE_LIMIT_WAITS,
    RATE_LIMIT_WAIT_DURATION,
    STREAMS_STOPPED,
    BATCH_RATE,
)


class _Survived:
    """Lets no failure of the metrics through, and logs the first: a stop matters more than its being counted."""

    def __init__(self) -> None:
        self._is_known = False

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(exc, Exception) and not self._is_known:
            self._is_known = True
            log.warning("Airflow's metrics could not be sent (%r). The work goes on; this is not logged again.", exc)
        return isinstance(exc, Exception)


class StatsObserver(Observer):
    """Sends what a client does to where Airflow's ``[metrics]`` says."""

    def __init__(self) -> None:
        self._failures = _Survived()

    def request_ended(self, operation: str, outcome: str, seconds: float) -> None:
        """Count and time a request."""
        with self._failures:
            Stats.incr(REQUESTS.name, tags={"operation": operation, "outcome": outcome})
            Stats.timing(REQUEST_DURATION.name, timedelta(seconds=seconds), tags={"operation": operation})

    def request_retried(self, operation: str) -> None:
        """Count a retry."""
        with self._failures:
            Stats.incr(RETRIES.name, tags={"operation": operation})

    def rate_limit_met(self, operation: str, seconds: float) -> None:
        """Count and time the wait after a 429."""
        with self._failures:
            Stats.incr(RATE_LIMIT_WAITS.name, tags={"operation": operation})
            Stats.timing(RATE_LIMIT_WAIT_DURATION.name, timedelta(seconds=seconds), tags={"operation": operation})

    def stream_stopped(self, how: str) -> None:
        """Count a stream that need not be stopped any more."""
        with self._failures:
            Stats.incr(STREAMS_STOPPED.name, tags={"how": how})

    def batch_progressed(self, streams_per_second: float) -> None:
        """Measure how fast a batch is."""
        with self._failures:
            Stats.gauge(BATCH_RATE.name, streams_per_second)


AIRFLOW_STATS = StatsObserver()
