"""What was sent to Airflow's metrics."""

from __future__ import annotations

from collections import Counter
from functools import partialmethod
from typing import Any, NamedTuple

import pytest

from airflow_provider_signalwire import metrics


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

    def _record(self, kind: str, stat: str, value: Any = 1, *, tags: dict[str, str]) -> None:
        self.samples.append(Sample(kind, stat, value, tuple(tags.items())))

    incr = partialmethod(_record, "counter")
    timing = partialmethod(_record, "timer")
    gauge = partialmethod(_record, "gauge")

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
