"""Stopping 10,000 streams while one request in twenty goes wrong."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple

from benchmarks.batches import stop_streams
from benchmarks.results import Bar, Figure, Row
from benchmarks.simulators import ALLOWED_RATE, RATE_LIMIT, Simulator, running_simulator

STREAMS = 10_000
RUNS = 5
LATENCY_MS = 50
FAULTY = 0.05


def measure() -> Figure:
    """Run the batch under faults several times, as its end hangs on chance."""
    with running_simulator(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT) as simulator:
        stop_streams(simulator.seed(10))
        runs = sorted(_batch(simulator) for _ in range(RUNS))
    rate = median(run.rate for run in runs)
    run = runs[RUNS // 2]
    return Figure(
        rows=[
            Row(
                what=f"stop {STREAMS:,} streams, 5 % faults (503, reset, 429)",
                ours=f"{rate:,.0f} a second, {'all' if all(run.all_stopped for run in runs) else 'NOT all'} stopped, "
                f"{run.faults} faults, {run.retries} retries",
                peer=f"allowed: {ALLOWED_RATE:,.0f} a second",
                ratio=f"{rate / ALLOWED_RATE:.1%}",
                target="at least 80 %, all stopped",
                met=rate >= 0.8 * ALLOWED_RATE and all(run.all_stopped for run in runs),
            )
        ],
        chart_title="Streams stopped per second while 5 % of the requests go wrong",
        bars=[
            Bar(label="allowed by SignalWire", value=ALLOWED_RATE, text=f"{ALLOWED_RATE:,.0f}/s"),
            Bar(label="StopCallStreamsOperator", value=rate, text=f"{rate:,.0f}/s", is_ours=True),
        ],
        notes=[
            f"The median of {RUNS} runs ({', '.join(f'{run.rate:,.0f}' for run in runs)} a second): a stream that "
            "fails again near the end waits by chance between nothing and some seconds, and the batch ends with it.",
            "A third of the faults each are 503, a connection reset before the request is processed, and 429 without "
            "Retry-After, at random with fixed seeds.",
        ],
    )


class _Run(NamedTuple):
    rate: float
    faults: int
    retries: int
    all_stopped: bool


def _batch(simulator: Simulator) -> _Run:
    simulator.reset(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT)
    streams = simulator.seed(STREAMS)
    simulator.control("POST", "faults", _faults())
    run = stop_streams(streams)
    return _Run(
        rate=STREAMS / run.seconds,
        faults=sum(fault["fired"] for fault in simulator.control("GET", "faults")),
        retries=run.summary["retried_requests"],
        all_stopped=run.summary["stopped"] == STREAMS and simulator.streams_running() == 0,
    )


def _faults() -> list[dict[str, Any]]:
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "status": 503},
        {"kind": "reset"},
        {"kind": "status", "status": 429},
    ]
    each = FAULTY / len(kinds)
    return [
        {**kind, "match": {"method": "POST"}, "times": None, "probability": each, "seed": seed}
        for seed, kind in enumerate(kinds, start=1)
    ]
