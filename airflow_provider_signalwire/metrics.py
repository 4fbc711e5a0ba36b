"""What the provider counts and times, sent through Airflow's metrics."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import TracebackType
from typing import Literal, NamedTuple

from airflow_provider_signalwire._compat import Stats
from airflow_provider_signalwire.client.policy.observer import Observer

log = logging.getLogger(__name__)


class Metric(NamedTuple):
    """One metric. Its tags do not identify a call or a stream."""

    name: str
    kind: Literal["counter", "timer", "gauge"]
    tags: tuple[str, ...]


REQUESTS = Metric("signalwire.requests", "counter", ("operation", "outcome"))
REQUEST_DURATION = Metric("signalwire.request.duration", "timer", ("operation",))
RETRIES = Metric("signalwire.retries", "counter", ("operation",))
RATE_LIMIT_WAITS = Metric("signalwire.rate_limit.waits", "counter", ("operation",))
RATE_LIMIT_WAIT_DURATION = Metric("signalwire.rate_limit.wait_duration", "timer", ("operation",))
STREAMS_STOPPED = Metric("signalwire.streams.stopped", "counter", ("outcome", "how"))
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


class _SuppressAndLogOnce:
    """Suppresses failures of the metrics and logs the first: a stop matters more than counting it."""

    def __init__(self) -> None:
        self._has_logged = False

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(exc, Exception) and not self._has_logged:
            self._has_logged = True
            log.warning("Airflow's metrics could not be sent (%r). The work goes on; this is not logged again.", exc)
        return isinstance(exc, Exception)


class StatsObserver(Observer):
    """Sends a client's events to Airflow's metrics (``[metrics]``)."""

    def __init__(self) -> None:
        self._failures = _SuppressAndLogOnce()

    def on_request_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Count and time a request."""
        with self._failures:
            Stats.incr(REQUESTS.name, tags={"operation": operation, "outcome": outcome})
            Stats.timing(REQUEST_DURATION.name, timedelta(seconds=seconds), tags={"operation": operation})

    def on_request_retried(self, operation: str) -> None:
        """Count a retry."""
        with self._failures:
            Stats.incr(RETRIES.name, tags={"operation": operation})

    def on_rate_limited(self, operation: str, seconds: float) -> None:
        """Count and time the wait after a 429."""
        with self._failures:
            Stats.incr(RATE_LIMIT_WAITS.name, tags={"operation": operation})
            Stats.timing(RATE_LIMIT_WAIT_DURATION.name, timedelta(seconds=seconds), tags={"operation": operation})

    def on_stream_stopped(self, outcome: str) -> None:
        """Count a stream that is known to be stopped or missing."""
        with self._failures:
            # The tag's name of version 0.1 stays for one release.
            Stats.incr(STREAMS_STOPPED.name, tags={"outcome": outcome, "how": outcome})

    def on_batch_progress(self, streams_per_second: float) -> None:
        """Report a batch's rate."""
        with self._failures:
            Stats.gauge(BATCH_RATE.name, streams_per_second)


AIRFLOW_STATS = StatsObserver()
