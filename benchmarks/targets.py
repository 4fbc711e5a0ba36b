"""Performance targets, each for a ratio or value of a figure's samples."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from benchmarks.figures import SDK, THREADS
from benchmarks.results import Samples, medians, ratio
from benchmarks.simulators import ALLOWED_RATE

FEW, MANY = "10,000 rows", "1,000,000 rows"


class Target(NamedTuple):
    """A line of the report.

    :param figure: Name of the figure.
    :param description: What is compared.
    :param value: Computes the value from the samples.
    :param bound: Bound of the value.
    :param unit: Format of the value.
    :param is_minimum: Whether the bound is a minimum.
    """

    figure: str
    description: str
    value: Callable[[Samples], float]
    bound: float
    unit: str = "{:.2f} times"
    is_minimum: bool = False

    def is_met(self, samples: Samples) -> bool:
        """Return whether the samples meet the target."""
        value = self.value(samples)
        return value >= self.bound if self.is_minimum else value <= self.bound

    @property
    def bound_text(self) -> str:
        """The bound as shown in the report."""
        return f"{'≥' if self.is_minimum else '≤'} {self.unit.format(self.bound)}"


def fastest_threads(samples: Samples) -> str:
    """Return the fastest series of requests with threads."""
    times = medians(samples, "seconds")
    return min(THREADS, key=times.__getitem__)


def _median(series: str, key: str) -> Callable[[Samples], float]:
    return lambda samples: median(run[key] for run in samples[series])


def _ratio(key: str, ours: str, peer: str) -> Callable[[Samples], float]:
    return lambda samples: ratio(samples, key, ours, peer)


def _memory_change(samples: Samples) -> float:
    (few,), (many,) = samples[FEW], samples[MANY]
    return (many["peak_mb"] / few["peak_mb"] - 1) * 100


def _tracing(samples: Samples) -> float:
    return ratio(samples, "cpu", "spans", "hook") * 100


TARGETS = (
    Target("stop_10000", "time of bare aiohttp, same concurrency", _ratio("seconds", "provider", "aiohttp"), 1.3),
    Target(
        "stop_10000",
        "speed of the best of 64, 128 and 256 threads of requests",
        lambda samples: ratio(samples, "seconds", fastest_threads(samples), "provider"),
        3,
        is_minimum=True,
    ),
    Target(
        "stop_10000",
        "speed of the vendor's SDK in 128 threads",
        _ratio("seconds", SDK, "provider"),
        3,
        is_minimum=True,
    ),
    Target("stop_10000", "CPU time of bare aiohttp", _ratio("cpu", "provider", "aiohttp"), 1.5),
    Target(
        "stop_10000",
        "time from the start of execute to the first stop",
        _median("provider", "first_request"),
        0.3,
        "{:.2f} s",
    ),
    Target(
        "stop_60000",
        "rate, relative to the limit of 1,380 stops per second",
        lambda samples: 60_000 / _median("provider", "seconds")(samples) / ALLOWED_RATE * 100,
        97,
        "{:.0f} %",
        is_minimum=True,
    ),
    Target(
        "stop_60000",
        "responses with 429 in all runs",
        lambda samples: sum(run["refused"] for run in samples["provider"]),
        0,
        "{:.0f}",
    ),
    Target(
        "dag_runs",
        "speed of a mapped HttpOperator in a pool, 20 streams",
        _ratio("seconds", "http", "provider"),
        1,
        is_minimum=True,
    ),
    Target(
        "dag_runs",
        "speed of a mapped deferrable HttpOperator, 20 streams",
        _ratio("seconds", "http_deferrable", "provider"),
        1,
        is_minimum=True,
    ),
    Target(
        "memory", "peak memory of 1,000,000 rows from a file, compared with 10,000", _memory_change, 10, "{:+.0f} %"
    ),
    Target(
        "journal",
        "peak memory of a task that reads and folds 100,000 events, including Airflow",
        _median("made pages", "peak_mb"),
        300,
        "{:.0f} MB",
    ),
    Target(
        "one_stop", "CPU time of requests, one stop after the other", _ratio("cpu", "hook", "requests, threads 1"), 1.05
    ),
    Target(
        "one_stop", "share of a stop's CPU time spent on tracing, without a tracer provider", _tracing, 2, "{:.1f} %"
    ),
    Target(
        "sensors",
        "CPU time per poll of HttpSensor, deferred",
        _ratio("cpu_ms_per_poll", "provider", "HttpSensor"),
        0.35,
    ),
    Target(
        "triggers",
        "event-loop lag with 5,000 waiting triggers, 99th percentile",
        _median("provider", "lag_p99_ms"),
        50,
        "{:.0f} ms",
    ),
    Target(
        "imports",
        "import of operators and sensors, on top of airflow.sdk",
        _median("provider", "ms"),
        30,
        "{:.0f} ms",
    ),
)


def values(figures: dict[str, Any]) -> list[tuple[Target, str, str]]:
    """Return each target with its value and whether it is met, as strings."""
    lines = []
    for target in TARGETS:
        if target.figure not in figures:
            lines.append((target, "not measured", ""))
            continue
        samples = figures[target.figure]["samples"]
        met = "met" if target.is_met(samples) else "**missed**"
        lines.append((target, target.unit.format(target.value(samples)), met))
    return lines
