"""What 100,000 streams cost beside 1,000: memory, and CPU time for each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.processes import result_of
from benchmarks.results import BUILD_DIR, Figure, Row
from benchmarks.simulators import Simulator, running_simulator

FEW, MANY = 1_000, 100_000
BATCHES_OF_FEW = 40
STREAMS_PER_CALL = 10
MEGABYTE = 1_000_000


def measure() -> Figure:
    """Run the batches in fresh processes, which read the streams from files with a JSON object a line."""
    with running_simulator() as simulator:
        alone = _run(simulator, [FEW])
        half = [FEW] * (BATCHES_OF_FEW // 2)
        beside = _run(simulator, [*half, MANY, *half])
    costs = beside["cpu_ms_each"]
    cpu_of_many = costs.pop(len(half))
    cpu_of_few = sum(costs) / len(costs)
    more = cpu_of_many / cpu_of_few - 1
    growth = (beside["peak_bytes"] - alone["peak_bytes"]) / MEGABYTE
    return Figure(
        rows=[
            Row(
                what=f"peak memory, {MANY:,} streams from a file",
                ours=f"{beside['peak_bytes'] / MEGABYTE:,.1f} MB",
                peer=f"{FEW:,} streams: {alone['peak_bytes'] / MEGABYTE:,.1f} MB",
                ratio=f"{growth:+.1f} MB",
                target="grows by under 20 MB",
                met=growth < 20,
            ),
            Row(
                what=f"CPU time for each of {MANY:,} streams",
                ours=f"{cpu_of_many:.3f} ms",
                peer=f"{BATCHES_OF_FEW} batches of {FEW:,}: {cpu_of_few:.3f} ms",
                ratio=f"{more:+.1%}",
                target="linear: within 10 %",
                met=abs(more) <= 0.1,
            ),
        ],
        notes=[
            f"CPU time: one process runs half of the small batches, the large one, and the other half; the mean of the "
            f"small ones is taken, as one alone takes from {min(costs):.2f} to {max(costs):.2f} ms for each stream "
            "on this machine. Each opens its connections and looks up its Airflow connection anew.",
            f"Memory is the peak resident set of that process, Airflow included, beside that of one which has stopped "
            f"{FEW:,} streams only.",
            "Each process first stops 500 others, so that what is loaded once is not shared out among the streams; the "
            "operator's own pace, no latency.",
        ],
    )


def _run(simulator: Simulator, counts: list[int]) -> dict[str, Any]:
    simulator.reset()
    paths = [_streams_file(simulator, number, count) for number, count in enumerate([500, *counts])]
    result: dict[str, Any] = result_of("-m", "benchmarks.scaling", *paths)
    if result["stopped"] != sum(counts) or simulator.streams_running():
        raise RuntimeError("Not every stream was stopped.")
    return result


def _streams_file(simulator: Simulator, number: int, count: int) -> str:
    path = BUILD_DIR / f"streams_{number}.jsonl"
    streams = simulator.seed(count, per_call=STREAMS_PER_CALL)
    path.write_text("".join(f"{json.dumps(stream)}\n" for stream in streams))
    return str(path)


def _child(warm_up: str, *paths: str) -> None:
    from benchmarks.batches import stop_streams

    stop_streams(warm_up)
    runs = [stop_streams(path) for path in paths]
    result = {
        "peak_bytes": _peak_bytes(),
        "cpu_ms_each": [run.cpu_seconds / run.summary["requested"] * 1000 for run in runs],
        "stopped": sum(run.summary["stopped"] for run in runs),
    }
    print(json.dumps(result))


def _peak_bytes() -> int:
    """Return this process's peak; that of getrusage is its parent's, if it was larger when this one was started."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("Linux has no VmHWM here.")


if __name__ == "__main__":
    _child(*(Path(argument).as_uri() for argument in sys.argv[1:]))
