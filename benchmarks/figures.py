"""The figures. A figure runs its series in turns, so that changes in the machine's load affect all series alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.dag_runs import DAG_IDS, running_airflow, running_journal
from benchmarks.results import BUILD_DIR, Samples
from benchmarks.simulators import RATE_LIMIT, Simulator, running_simulator

ROUNDS = 5
LATENCY_MS = 50
THREADS = ("requests, threads 64", "requests, threads 128", "requests, threads 256")
SDK = "vendor's SDK, threads 128"

_FEW_ROWS, _MANY_ROWS = 10_000, 1_000_000
_ROWS_PER_SEED = 100_000
_NEVER_MS = 86_400_000  # a day, the maximum
_SENSORS, _SENSOR_SECONDS = 1_000, 16
_TRIGGERS, _TRIGGER_SECONDS = 5_000, 30
_STREAMS = 20  # in DAG runs
_EVENTS_IN_DATABASE, _EVENTS_IN_MEMORY = 5_000, 100_000

_STOP_CODE = ("batch", "client", "hooks", "operators/stop_call_streams.py")
_WAIT_CODE = ("client", "sensors", "triggers")
_JOURNAL_CODE = ("journal.py", "journal_snapshot.py", "journal_events.py")
_AIRFLOW = "import airflow.sdk; from airflow.sdk import DAG, BaseOperator, BaseSensorOperator"
_IMPORTS = {
    "provider": "import airflow_provider_signalwire.operators.call_stream as o, "
    "airflow_provider_signalwire.operators.stream_cleanup, airflow_provider_signalwire.sensors.call, "
    "airflow_provider_signalwire.sensors.call_stream",
    "HttpOperator and HttpSensor": "import airflow.providers.http.operators.http, airflow.providers.http.sensors.http",
    "provider, first use": "import airflow_provider_signalwire.client.transport.shared_client, "
    "airflow_provider_signalwire.client.transport.async_client",
}


class Figure(NamedTuple):
    """The code that a figure measures, and the function that measures it."""

    modules: tuple[str, ...]
    measure: Callable[[], Samples]


def stop_10000() -> Samples:
    """Stop 10,000 streams with the provider and with other clients."""
    with running_simulator(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT) as simulator:
        return _in_turns(
            ("provider", "aiohttp", *THREADS, SDK), lambda name: _stop(simulator, name, 10_000, rate_limit=RATE_LIMIT)
        )


def stop_60000() -> Samples:
    """Stop more streams than one window of the rate limit allows."""
    with running_simulator(latency_ms=LATENCY_MS, rate_limit=RATE_LIMIT) as simulator:
        return _in_turns(("provider",), lambda name: _stop(simulator, name, 60_000, rate_limit=RATE_LIMIT))


def dag_runs() -> Samples:
    """Stop the same streams repeatedly in DAG runs."""
    with running_simulator(latency_ms=LATENCY_MS) as simulator, running_airflow(simulator.seed(_STREAMS)) as run:
        return _in_turns(DAG_IDS, lambda dag_id: {"seconds": run(dag_id)})


def memory() -> Samples:
    """Stop the rows of a short and of a long file, once because it takes long and varies little."""
    with running_simulator() as simulator:
        return {f"{rows:,} rows": [_stop(simulator, "provider, no limit", rows)] for rows in (_FEW_ROWS, _MANY_ROWS)}


def journal() -> Samples:
    """Read events from SQLite through Airflow's API, and fold a larger number of generated events."""
    with running_journal(_EVENTS_IN_DATABASE) as run:
        return _in_turns(
            ("SQLite", "made pages"),
            lambda name: run("read_journal") if name == "SQLite" else run("fold_journal", count=_EVENTS_IN_MEMORY),
        )


def sensors() -> Samples:
    """Run deferred sensors and count their polls."""
    with running_simulator(latency_ms=LATENCY_MS, stop_delay_ms=_NEVER_MS) as simulator:
        return _in_turns(("provider", "HttpSensor"), lambda name: _wait(simulator, name, _SENSORS, _SENSOR_SECONDS))


def triggers() -> Samples:
    """Wait for many streams in one event loop, like a triggerer."""
    with running_simulator(latency_ms=LATENCY_MS, stop_delay_ms=_NEVER_MS) as simulator:
        return _in_turns(("provider",), lambda name: _wait(simulator, name, _TRIGGERS, _TRIGGER_SECONDS, interval=20))


def imports() -> Samples:
    """Import what a DAG file imports after ``airflow.sdk``."""
    return _in_turns(tuple(_IMPORTS), lambda name: {"ms": _import_ms(_IMPORTS[name])})


def one_stop() -> Samples:
    """Stop streams one after another."""
    with running_simulator() as simulator:
        return _in_turns(
            ("hook", "requests, threads 1", "vendor's SDK, threads 1", "spans"),
            lambda name: _stop(simulator, name, 2_000),
        )


FIGURES = {
    "stop_10000": Figure(_STOP_CODE, stop_10000),
    "one_stop": Figure(("client", "hooks"), one_stop),
    "sensors": Figure(_WAIT_CODE, sensors),
    "triggers": Figure(_WAIT_CODE, triggers),
    "imports": Figure(("operators", "sensors"), imports),
    "stop_60000": Figure(_STOP_CODE, stop_60000),
    "dag_runs": Figure(_STOP_CODE, dag_runs),
    "memory": Figure(_STOP_CODE, memory),
    "journal": Figure(_JOURNAL_CODE, journal),
}


def _in_turns(names: tuple[str, ...], run: Callable[[str], dict[str, float]]) -> Samples:
    samples: Samples = {name: [] for name in names}
    for number in range(ROUNDS):
        for name in names if number % 2 == 0 else reversed(names):
            samples[name].append(run(name))
            print(f"    {name}: {samples[name][-1]}", flush=True)
    return samples


def _stop(simulator: Simulator, name: str, count: int, *, rate_limit: str | None = None) -> dict[str, float]:
    latency_ms = LATENCY_MS if rate_limit else 0
    path = _seed(simulator, count, latency_ms=latency_ms, rate_limit=rate_limit)
    sample: dict[str, float] = _child("-m", "benchmarks.peers", name, simulator.url, path)
    if count < _MANY_ROWS:  # the state of more is too large to read; the operator fails if a stop fails
        running_streams = simulator.control("GET", "state")["counts"]["running_streams"]
        if running_streams and name != "spans":
            raise RuntimeError(f"{name} did not stop all streams.")
        requests = simulator.control("GET", "requests")["requests"]
        if requests:
            sample["first_request"] = requests[0]["timestamp"] - sample["began_at"]
        sample["refused"] = sum(request["status"] == 429 for request in requests)
    return {key: round(value, 4) for key, value in sample.items() if key != "began_at"}


def _wait(simulator: Simulator, client: str, count: int, seconds: float, *, interval: float = 5) -> dict[str, float]:
    path = _seed(simulator, count, latency_ms=LATENCY_MS, stop_delay_ms=_NEVER_MS)
    sample: dict[str, float] = _child("-m", "benchmarks.waiting", client, str(seconds), str(interval), path)
    requests = simulator.control("GET", "requests")["requests"]
    # A poll of the provider is a stop and a read of the call; one of HttpSensor is a read.
    polls = sum(client != "provider" or request["method"] == "POST" for request in requests)
    return {"polls": polls, "cpu_ms_per_poll": sample["cpu"] / polls * 1000, "lag_p99_ms": sample["lag_p99_ms"]}


def _seed(simulator: Simulator, count: int, **settings: Any) -> str:
    simulator.reset(**settings)
    BUILD_DIR.mkdir(parents=True, exist_ok=True)
    path = BUILD_DIR / "streams.jsonl"
    with path.open("w") as file:
        for seeded in range(0, count, _ROWS_PER_SEED):
            streams = simulator.seed(min(count - seeded, _ROWS_PER_SEED), per_call=10)
            file.writelines(f"{json.dumps(stream)}\n" for stream in streams)
    return str(path)


def _import_ms(statement: str) -> float:
    code = f"{_AIRFLOW}\nimport time; t = time.perf_counter()\n{statement}\nprint((time.perf_counter() - t) * 1000)"
    milliseconds: float = _child("-c", code)
    return round(milliseconds, 2)


def _child(*arguments: str) -> Any:
    """Run Python and return the JSON value in its last line of output."""
    command = [sys.executable, "-W", "ignore", *arguments]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ).stdout
    return json.loads(output.splitlines()[-1])
