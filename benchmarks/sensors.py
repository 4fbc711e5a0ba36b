"""A thousand deferred sensors, beside a thousand deferred HttpSensors: CPU, sockets, stalls of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.processes import result_of
from benchmarks.results import Bar, Figure, Row
from benchmarks.simulators import PROJECT, Simulator, running_simulator

SENSORS = 1_000
POKE_INTERVAL = 5
SECONDS = 60
LATENCY_MS = 50
_NEVER_MS = 1e9


class Waiting(NamedTuple):
    """What the waiting took; requests are counted by the simulator."""

    cpu_seconds: float
    sockets: int
    longest_stall_ms: float
    stalls: int
    longest_collection_ms: float
    collections: int
    requests: int = 0


def measure() -> Figure:
    """Run both one after the other, each in a new process."""
    with running_simulator() as simulator:
        ours, http = (_waiting(simulator, whose) for whose in ("ours", "http"))
    cpu = ours.cpu_seconds / http.cpu_seconds
    what = f"{SENSORS:,} deferred sensors for {SECONDS} s, poke_interval {POKE_INTERVAL}"
    return Figure(
        rows=[
            Row(
                what=f"{what}: CPU",
                ours=f"{ours.cpu_seconds:.1f} s, {ours.requests:,} requests",
                peer=f"HttpSensor: {http.cpu_seconds:.1f} s, {http.requests:,} requests",
                ratio=f"{cpu:.2f} times",
                target="at most 0.5 times",
                met=cpu <= 0.5,
            ),
            Row(
                what=f"{what}: sockets at once",
                ours=f"{ours.sockets}",
                peer=f"HttpSensor: {http.sockets}",
                target="at most 64",
                met=ours.sockets <= 64,
            ),
            Row(
                what=f"{what}: longest stall of the event loop, garbage collection aside",
                ours=f"{ours.longest_stall_ms:.0f} ms, {ours.stalls} over 50 ms",
                peer=f"HttpSensor: {http.longest_stall_ms:.0f} ms, {http.stalls} over 50 ms",
                target="at most 50 ms",
                met=ours.longest_stall_ms <= 50,
            ),
            Row(
                what=f"{what}: longest garbage collection",
                ours=f"{ours.longest_collection_ms:.0f} ms, {ours.collections} over 50 ms",
                peer=f"HttpSensor: {http.longest_collection_ms:.0f} ms, {http.collections} over 50 ms",
            ),
        ],
        chart_title=f"CPU seconds of {SENSORS:,} deferred sensors in {SECONDS} s",
        bars=[
            Bar(label="CallStreamStatusSensor", value=ours.cpu_seconds, text=f"{ours.cpu_seconds:.1f} s", is_ours=True),
            Bar(label="HttpSensor", value=http.cpu_seconds, text=f"{http.cpu_seconds:.1f} s"),
        ],
        notes=[
            "Each side's triggers run in one event loop of a fresh process, as in a triggerer, from the creation of "
            f"the first to the end of the {SECONDS} s; {LATENCY_MS} ms latency.",
            "The streams never stop. Each look of CallStreamStatusSensor asks for the stop; every twentieth, of which "
            "there is none in this time, reads the call, too. A look of HttpSensor takes one request, which is "
            "answered 404: on any other failure its trigger asks again without a pause. It opens a session, and so a "
            "connection, for every look.",
            "Before the clock starts, each process looks up a connection and collects its garbage once, as a triggerer "
            "that has been up for a while has done.",
            "Stalls are what a task that sleeps 10 ms at a time oversleeps, without the time that Python's garbage "
            "collection took meanwhile: a full one looks through all that Airflow has loaded.",
        ],
    )


def _waiting(simulator: Simulator, whose: str) -> Waiting:
    simulator.reset(latency_ms=LATENCY_MS, stop_delay_ms=_NEVER_MS)
    streams = simulator.seed(SENSORS)
    result = result_of("-m", "benchmarks.sensors", whose, given=json.dumps(streams))
    requests = simulator.control("GET", "state")["counts"]["requests"]
    return Waiting(**{**result, "requests": requests})


def _our_triggers(streams: list[dict[str, str]]) -> list[Any]:
    from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

    return [
        CallStreamStatusSensor(task_id="wait", **stream).make_trigger(
            account_sid=None,
            signalwire_conn_id="signalwire_default",
            poll_interval=POKE_INTERVAL,
            deadline=time.time() + 3600,
            last_status="queued",
        )
        for stream in streams
    ]


def _http_triggers(streams: list[dict[str, str]]) -> list[Any]:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    calls = f"/api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
    return [
        HttpSensorTrigger(endpoint=f"{calls}/not-{stream['call_sid']}", method="GET", poke_interval=POKE_INTERVAL)
        for stream in streams
    ]


async def _run(triggers: Iterable[Any]) -> Waiting:
    """Run triggers for some time, as a triggerer does that has been up for a while."""
    from airflow.providers.common.compat.connection import get_async_connection

    await get_async_connection("signalwire_default")  # Airflow imports much for the first one
    gc.collect()
    started = _cpu_seconds()
    stalls: list[float] = []
    collections = _watch_collections()
    sockets: list[int] = []
    watching = [asyncio.create_task(_watch_loop(stalls, collections)), asyncio.create_task(_watch_sockets(sockets))]
    waiting = []
    for trigger in triggers:
        waiting.append(asyncio.create_task(anext(trigger.run())))
        await asyncio.sleep(0)  # as the triggerer does after each
    done, _ = await asyncio.wait(waiting, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if done:
        raise RuntimeError(f"A sensor that should wait ended with {done.pop().result()}.")
    result = Waiting(
        cpu_seconds=_cpu_seconds() - started,
        sockets=max(sockets),
        longest_stall_ms=max(stalls) * 1000,
        stalls=sum(1 for seconds in stalls if seconds > 0.05),
        longest_collection_ms=max(collections, default=0) * 1000,
        collections=sum(1 for seconds in collections if seconds > 0.05),
    )
    for task in watching + waiting:
        task.cancel()
    await asyncio.gather(*watching, *waiting, return_exceptions=True)
    return result


async def _watch_loop(stalls: list[float], collections: list[float]) -> None:
    while True:
        started, collections_before = time.perf_counter(), len(collections)
        await asyncio.sleep(0.01)
        collecting = sum(collections[collections_before:])
        stalls.append(time.perf_counter() - started - 0.01 - collecting)


def _watch_collections() -> list[float]:
    """Note how long each of Python's garbage collections takes."""
    seconds: list[float] = []
    started = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = time.perf_counter()
        else:
            seconds.append(time.perf_counter() - started)

    gc.callbacks.append(note)
    return seconds


async def _watch_sockets(counts: list[int]) -> None:
    before = _sockets()  # the event loop has some of its own
    while True:
        counts.append(_sockets() - before)
        await asyncio.sleep(0.5)


def _sockets() -> int:
    """Count this process's open sockets."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return count


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _child(whose: str) -> None:
    streams = json.load(sys.stdin)
    triggers = _our_triggers(streams) if whose == "ours" else _http_triggers(streams)
    print(json.dumps(asyncio.run(_run(triggers))._asdict()))


if __name__ == "__main__":
    _child(sys.argv[1])
