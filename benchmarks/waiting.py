"""Deferred sensors in one event loop, as in a triggerer: ``python -m benchmarks.waiting CLIENT SECONDS INTERVAL FILE``.

It prints a JSON object with the CPU time and the 99th percentile of the event-loop lag, including garbage collection.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.peers import cpu_seconds
from benchmarks.simulators import PROJECT


def main() -> None:
    """Create the triggers and run them."""
    client, seconds, interval, path = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    streams = [json.loads(line) for line in Path(path).read_text().splitlines()]
    make = _provider_trigger if client == "provider" else _http_trigger
    print(json.dumps(asyncio.run(_run([make(stream, interval) for stream in streams], interval, seconds))))


def _provider_trigger(stream: dict[str, str], interval: float) -> Any:
    from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

    sensor = CallStreamStatusSensor(task_id="wait", **stream)
    return sensor.make_trigger(
        sensor.make_poller(PROJECT),
        account_sid=None,
        signalwire_conn_id="signalwire_default",
        poll_interval=interval,
        deadline=time.time() + 3600,
        last_status="queued",
    )


def _http_trigger(stream: dict[str, str], interval: float) -> Any:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    # The trigger waits for the interval after a 404, but repeats other failed requests immediately.
    path = f"/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/not-{stream['call_sid']}"
    return HttpSensorTrigger(endpoint=path, method="GET", poke_interval=interval)


async def _run(triggers: list[Any], interval: float, seconds: float) -> dict[str, float]:
    from airflow.providers.common.compat.connection import get_async_connection

    await get_async_connection("signalwire_default")  # the first call imports many modules
    lags: list[float] = []
    cpu_before = cpu_seconds()
    watching = asyncio.create_task(_watch(lags))
    # Spread the polls over the interval, as if the sensors were deferred at different times.
    starts = (number / len(triggers) * interval for number in range(len(triggers)))
    waiting = [asyncio.create_task(_wait(trigger, start)) for trigger, start in zip(triggers, starts, strict=True)]
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if done:
        raise RuntimeError(f"A sensor ended unexpectedly with {done.pop().result()}.")
    result = {"cpu": cpu_seconds() - cpu_before, "lag_p99_ms": quantiles(lags, n=100)[98] * 1000}
    for task in (watching, *waiting):
        task.cancel()
    await asyncio.gather(watching, *waiting, return_exceptions=True)
    return result


async def _wait(trigger: Any, start: float) -> Any:
    await asyncio.sleep(start)
    return await anext(trigger.run())


async def _watch(lags: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - started - 0.01)


if __name__ == "__main__":
    main()
