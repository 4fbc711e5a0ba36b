"""Stopping streams in DAG runs, in an Airflow of the benchmark's own."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import requests

from benchmarks.results import BUILD_DIR, FOLDER, PROJECT_DIR
from benchmarks.simulators import PROJECT

DAG_IDS = ("provider", "http", "http_deferrable")
RUN_SECONDS = 300
_PORT = 8099
_POOL_SLOTS = 16


@contextlib.contextmanager
def running_airflow(streams: list[dict[str, str]]) -> Iterator[Callable[[str], float]]:
    """Run Airflow with the DAGs that stop these streams; yield what runs one of them and returns its seconds."""
    sys.path.insert(0, str(PROJECT_DIR / "scripts"))
    from local_airflow import LocalAirflow, free_port

    home = BUILD_DIR / "dag_runs"
    bundle = {
        "name": "benchmarks",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(FOLDER / "dags")},
    }
    airflow = LocalAirflow(
        home,
        "airflow.log",
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([bundle]),
        BENCHMARK_FOLDER=str(home),
        AIRFLOW_CONN_HTTP_DEFAULT=os.environ["AIRFLOW_CONN_HTTP_DEFAULT"],
        AIRFLOW_CONN_SIGNALWIRE_DEFAULT=os.environ["AIRFLOW_CONN_SIGNALWIRE_DEFAULT"],
    )
    calls = f"api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
    endpoints = [f"{calls}/{stream['call_sid']}/Streams/{stream['stream_sid']}" for stream in streams]
    (home / "endpoints.json").write_text(json.dumps(endpoints))
    (home / "streams.jsonl").write_text("".join(f"{json.dumps(stream)}\n" for stream in streams))
    with airflow.standalone(free_port(_PORT), dag_ids=DAG_IDS) as running:
        pool = {"name": "benchmark", "slots": _POOL_SLOTS, "include_deferred": False}
        running.call_api("POST", "pools", pool)
        yield lambda dag_id: _run(running, dag_id)


def _run(airflow: Any, dag_id: str) -> float:
    deadline = time.monotonic() + RUN_SECONDS
    run_id = airflow.call_api("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"]
    while True:
        run = _ask(airflow, f"dags/{dag_id}/dagRuns/{run_id}")
        if run.get("state") == "success":
            began, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
            return (ended - began).total_seconds()
        if run.get("state") == "failed":
            raise RuntimeError(f"the run of {dag_id} failed")
        _wait(deadline, f"the run of {dag_id} did not end in time")


def _ask(airflow: Any, path: str) -> dict[str, Any]:
    """Read from Airflow's REST API; nothing, if it is too busy with the tasks to respond."""
    try:
        response: dict[str, Any] = airflow.call_api("GET", path)
    except requests.RequestException:
        return {}
    return response


def _wait(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(otherwise)
    time.sleep(1)
