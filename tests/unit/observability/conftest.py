"""What was sent to Airflow's metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest

from airflow_provider_signalwire import metrics
from airflow_provider_signalwire.simulator.server import SimulatorServer


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
        """Return each counter's sum by the values of its tags."""
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
def stream(simulator: SimulatorServer, connection: str) -> dict[str, str]:
    """A running stream, named as the operators and triggers name it."""
    [call] = simulator.seed(streams=[{"name": "agent assist"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}
