"""Stop the streams of a file with this provider or another client: ``python -m benchmarks.peers NAME URL FILE``.

Each run is a new process. It prints a JSON object with the elapsed time, the CPU time, the start and the peak memory.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.simulators import PROJECT, TOKEN

FORM = {"Status": "stopped"}
CONCURRENCY = 128


def main() -> None:
    """Run one client."""
    name, url, path = sys.argv[1:4]
    stop_all = prepare(name, url, path)
    began_at, cpu_before, started = time.time(), cpu_seconds(), time.perf_counter()
    stop_all()
    sample = {"seconds": time.perf_counter() - started, "cpu": cpu_seconds() - cpu_before, "began_at": began_at}
    print(json.dumps({**sample, "peak_mb": peak_mb()}))


def prepare(name: str, url: str, path: str) -> Callable[[], object]:
    """Import and read everything before the measurement; return the function to measure."""
    if name == "hook":
        return _by_hook(path)
    if name == "spans":
        return _spans(len(Path(path).read_text().splitlines()))
    if name.startswith("provider"):
        return provider(path, is_unlimited=name == "provider, no limit")
    urls = list(_urls(url, path))
    if name == "aiohttp":
        return lambda: asyncio.run(_by_aiohttp(urls))
    kind, workers = name.rsplit(" ", 1)
    send = _requests_sender(int(workers)) if kind == "requests, threads" else _sdk_sender(url)
    return lambda: _in_threads(send, urls, int(workers))


def provider(path: str, *, is_unlimited: bool = False) -> Callable[[], object]:
    """Return a function that runs the operator's ``execute``."""
    from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

    limit: dict[str, Any] = {"max_requests": 1_000_000, "period": 0.001} if is_unlimited else {}
    operator = StopCallStreamsOperator(task_id="stop", streams=path, max_concurrency=CONCURRENCY, **limit)
    return lambda: operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})


def _by_hook(path: str) -> Callable[[], object]:
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

    hook, rows = SignalWireHook(), [json.loads(line) for line in Path(path).read_text().splitlines()]
    hook.stop_call_stream(**rows[0])  # creates the session
    return lambda: [hook.stop_call_stream(**row) for row in rows]


def _spans(count: int) -> Callable[[], object]:
    """Return a function that only creates the spans of this number of stops, without a tracer provider."""
    import opentelemetry.trace  # noqa: F401  # Airflow imports it in a worker

    from airflow_provider_signalwire.client.flows.stop import stop_stream
    from airflow_provider_signalwire.client.policy.tracing import attempt_span, operation_span

    flow = stop_stream(PROJECT, "call", "stream")
    request = next(flow).request

    def trace() -> None:
        for _ in range(count):
            operation = operation_span(flow)
            attempt_span(request, 1, operation).end(status_code=200)
            operation.end()

    return trace


async def _by_aiohttp(urls: list[str]) -> None:
    import aiohttp

    semaphore = asyncio.Semaphore(CONCURRENCY)

    async def stop(session: aiohttp.ClientSession, url: str) -> None:
        async with semaphore, session.post(url, data=FORM) as response:
            response.raise_for_status()
            await response.json()

    headers = {"Authorization": aiohttp.encode_basic_auth(PROJECT, TOKEN)}
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(stop(session, url) for url in urls))


def _requests_sender(workers: int) -> Callable[[str], object]:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.trust_env = False
    session.auth = (PROJECT, TOKEN)
    session.mount("http://", HTTPAdapter(pool_maxsize=workers))

    def stop(url: str) -> None:
        response = session.post(url, data=FORM, timeout=30)
        response.raise_for_status()
        response.json()

    return stop


def _sdk_sender(origin: str) -> Callable[[str], object]:
    from signalwire.rest import RestClient

    local = threading.local()

    def stop(url: str) -> None:
        if not hasattr(local, "client"):
            local.client = RestClient(project=PROJECT, token=TOKEN, host="127.0.0.1")
            local.client._http._base_url = origin  # the SDK only supports https
        call, stream = url.rsplit("/", 3)[1::2]
        local.client.compat.calls.stop_stream(call, stream, **FORM)

    return stop


def _in_threads(send: Callable[[str], object], urls: list[str], workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(send, urls):
            pass


def _urls(origin: str, path: str) -> Iterator[str]:
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        calls = f"{origin}/api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
        yield f"{calls}/{row['call_sid']}/Streams/{row['stream_sid']}"


def cpu_seconds() -> float:
    """Return this process's CPU time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Return this process's peak resident set size. The value of getrusage includes the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000


if __name__ == "__main__":
    main()
