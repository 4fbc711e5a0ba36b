"""What was sent to Airflow's metrics, and what was logged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from airflow_provider_signalwire import metrics
from airflow_provider_signalwire.simulator.server import SimulatorServer

LOG_OF_STOPS = "airflow_provider_signalwire.client.flows.stop_result"


class Sample(NamedTuple):
    """One call of Airflow's Stats."""

    kind: str
    name: str
    value: Any
    tags: tuple[tuple[str, str], ...]


class RecordingStats:
    """Airflow's Stats, as far as they are used."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, str] | None = None) -> None:
        self._record("counter", stat, count, tags)

    def timing(self, stat: str, dt: Any, *, tags: dict[str, str] | None = None) -> None:
        self._record("timer", stat, dt, tags)

    def gauge(self, stat: str, value: float, *, tags: dict[str, str] | None = None) -> None:
        self._record("gauge", stat, value, tags)

    def _record(self, kind: str, name: str, value: Any, tags: dict[str, str] | None) -> None:
        self.samples.append(Sample(kind, name, value, tuple((tags or {}).items())))

    def counts(self, metric: metrics.Metric) -> dict[tuple[str, ...], int]:
        """How often a counter was raised, by the values of its tags."""
        counts: Counter[tuple[str, ...]] = Counter()
        for sample in self.samples:
            if sample.name == metric.name:
                counts[tuple(value for _, value in sample.tags)] += sample.value
        return dict(counts)

    def values(self, metric: metrics.Metric) -> list[Any]:
        return [sample.value for sample in self.samples if sample.name == metric.name]


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> RecordingStats:
    recording = RecordingStats()
    monkeypatch.setattr(metrics, "Stats", recording)
    return recording


@pytest.fixture
def stop_lines(caplog: pytest.LogCaptureFixture) -> Callable[..., list[str]]:
    """The log lines of stops so far, at a level."""
    caplog.set_level(logging.DEBUG, logger="airflow_provider_signalwire")
    return lambda level=logging.INFO: [
        record.getMessage() for record in caplog.records if record.name == LOG_OF_STOPS and record.levelno == level
    ]


@pytest.fixture
def stream(simulator: SimulatorServer) -> dict[str, str]:
    """A running stream, named as the operators and triggers name it."""
    [call] = simulator.seed(streams=[{"name": "agent assist"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


@pytest.fixture
def context() -> dict[str, Any]:
    return {"ti": SimpleNamespace(xcom_push=lambda **pushed: None, try_number=1, dag_id="dag", task_id="task")}
