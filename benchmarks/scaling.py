"""What 100,000 streams cost beside 1,000: memory, and CPU time for each."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.processes import result_of
from benchmarks.results import BUILD_DIR, Figure, Row
from benchmarks.simulators import Simulator, running_simulator

FEW, SOME, MANY = 1_000, 10_000, 100_000
RUNS_OF_FEW = 3
STREAMS_PER_CALL = 10
MEGABYTE = 1_000_000


class Cost(NamedTuple):
    """What one run cost."""

    peak_bytes: int
    cpu_ms_each: float


def measure() -> Figure:
    """Run the batch in fresh processes, which read the streams from a file with a JSON object a line."""
    with running_simulator() as simulator:
        before = [_cost(simulator, FEW) for _ in range(RUNS_OF_FEW)]
        some, many = _cost(simulator, SOME), _cost(simulator, MANY)
        few = before + [_cost(simulator, FEW) for _ in range(RUNS_OF_FEW)]
    memory_of_few, cpu_of_few = median(cost.peak_bytes for cost in few), median(cost.cpu_ms_each for cost in few)
    growth = (many.peak_bytes - memory_of_few) / MEGABYTE
    spread = ", ".join(f"{cost.cpu_ms_each:.2f}" for cost in few)
    return Figure(
        rows=[
            Row(
                what="peak memory, 100,000 streams from a file",
                ours=f"{many.peak_bytes / MEGABYTE:,.1f} MB",
                peer=f"1,000 streams: {memory_of_few / MEGABYTE:,.1f} MB",
                ratio=f"{growth:+.1f} MB",
                target="grows by under 20 MB",
                met=growth < 20,
            ),
            _per_stream(many, cpu_of_few, FEW),
            _per_stream(many, some.cpu_ms_each, SOME),
        ],
        notes=[
            f"1,000 streams are run {RUNS_OF_FEW} times before the others and as often after them; the median is "
            f"taken (ms of CPU each: {spread}).",
            "Each process first stops 500 others, so that what is loaded and opened once is not shared out among the "
            "streams; no latency, no rate limit. Memory is the peak resident set of the process, Airflow included.",
        ],
    )


def _per_stream(many: Cost, of_fewer: float, fewer: int) -> Row:
    more = many.cpu_ms_each / of_fewer - 1
    return Row(
        what=f"CPU time for each of {MANY:,} streams",
        ours=f"{many.cpu_ms_each:.3f} ms",
        peer=f"{fewer:,} streams: {of_fewer:.3f} ms",
        ratio=f"{more:+.1%}",
        target="linear: within 10 %",
        met=abs(more) <= 0.1,
    )


def _cost(simulator: Simulator, count: int) -> Cost:
    simulator.reset()
    path = BUILD_DIR / "streams.jsonl"
    streams = simulator.seed(count, per_call=STREAMS_PER_CALL)
    path.write_text("".join(f"{json.dumps(stream)}\n" for stream in streams))
    warm_up = BUILD_DIR / "warm_up.jsonl"
    others = simulator.seed(500, per_call=STREAMS_PER_CALL)
    warm_up.write_text("".join(f"{json.dumps(stream)}\n" for stream in others))
    cost = result_of("-m", "benchmarks.scaling", str(warm_up), str(path))
    if cost.pop("stopped") != count or simulator.streams_running():
        raise RuntimeError("Not every stream was stopped.")
    return Cost(**cost)


def _child(warm_up: str, path: str) -> None:
    from benchmarks.batches import stop_streams

    stop_streams(warm_up, max_requests_per_second=1e6)
    run = stop_streams(path, max_requests_per_second=1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    stopped = run.summary["stopped"]
    cpu = run.cpu_seconds / max(stopped, 1) * 1000
    print(json.dumps({"peak_bytes": peak, "cpu_ms_each": cpu, "stopped": stopped}))


if __name__ == "__main__":
    _child(*(Path(argument).as_uri() for argument in sys.argv[1:]))
