"""What the provider counts and times, sent through Airflow's metrics."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Literal, NamedTuple

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

METRICS = (REQUESTS, REQUEST_DURATION, RETRIES, RATE_LIMIT_WAITS, RATE_LIMIT_WAIT_DURATION, STREAMS_STOPPED, BATCH_RATE)

_METHODS = {"counter": "incr", "timer": "timing", "gauge": "gauge"}


class StatsObserver(Observer):
    """Sends a client's events to Airflow's metrics (``[metrics]``)."""

    def __init__(self) -> None:
        self._has_logged = False

    def on_request_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Count and time a request."""
        self._send(REQUESTS, operation=operation, outcome=outcome)
        self._send(REQUEST_DURATION, timedelta(seconds=seconds), operation=operation)

    def on_request_retried(self, operation: str) -> None:
        """Count a retry."""
        self._send(RETRIES, operation=operation)

    def on_rate_limited(self, operation: str, seconds: float) -> None:
        """Count and time the wait after a 429."""
        self._send(RATE_LIMIT_WAITS, operation=operation)
        self._send(RATE_LIMIT_WAIT_DURATION, timedelta(seconds=seconds), operation=operation)

    def on_stream_stopped(self, outcome: str) -> None:
        """Count a stream that is known to be stopped or missing."""
        # The tag's name of version 0.1 stays for one release.
        self._send(STREAMS_STOPPED, outcome=outcome, how=outcome)

    def on_batch_progress(self, streams_per_second: float) -> None:
        """Report a batch's rate."""
        self._send(BATCH_RATE, streams_per_second)

    def _send(self, metric: Metric, *value: Any, **tags: str) -> None:
        """Send a metric; a failure is logged once and suppressed, because a stop matters more than counting it."""
        try:
            getattr(Stats, _METHODS[metric.kind])(metric.name, *value, tags=tags)
        except Exception as error:
            if not self._has_logged:
                self._has_logged = True
                log.warning(
                    "Airflow's metrics could not be sent (%r). The work goes on; this is not logged again.", error
                )


AIRFLOW_STATS = StatsObserver()
