"""DAG runs in a separate Airflow that stop streams or read a journal."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from airflow_provider_signalwire.journal import StreamEvent, to_extra
from benchmarks.results import BUILD_DIR, FOLDER, PROJECT_DIR
from benchmarks.simulators import PROJECT

DAG_IDS = ("provider", "http", "http_deferrable")
RUN_SECONDS = 300
_PORT = 8099
_POOL_SLOTS = 16


@contextlib.contextmanager
def running_airflow(streams: list[dict[str, str]]) -> Iterator[Callable[[str], float]]:
    """Run Airflow with DAGs that stop these streams; yield a function that runs one and returns its duration."""
    home = BUILD_DIR / "dag_runs"
    airflow = _make_airflow(
        home,
        "dags",
        BENCHMARK_FOLDER=str(home),
        AIRFLOW_CONN_HTTP_DEFAULT=os.environ["AIRFLOW_CONN_HTTP_DEFAULT"],
        AIRFLOW_CONN_SIGNALWIRE_DEFAULT=os.environ["AIRFLOW_CONN_SIGNALWIRE_DEFAULT"],
    )
    calls = f"api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
    endpoints = [f"{calls}/{stream['call_sid']}/Streams/{stream['stream_sid']}" for stream in streams]
    (home / "endpoints.json").write_text(json.dumps(endpoints))
    (home / "streams.jsonl").write_text("".join(f"{json.dumps(stream)}\n" for stream in streams))
    with _run_airflow(airflow, DAG_IDS) as running:
        pool = {"name": "benchmark", "slots": _POOL_SLOTS, "include_deferred": False}
        running.call_api("POST", "pools", pool)
        yield lambda dag_id: _run(running, dag_id)[1]


@contextlib.contextmanager
def running_journal(count: int) -> Iterator[Callable[..., dict[str, float]]]:
    """Run Airflow with a journal of events in SQLite; yield a function that runs a DAG and returns its XCom."""
    home = BUILD_DIR / "journal"
    airflow = _make_airflow(home, "journal_dags")
    with _run_airflow(airflow, ("read_journal", "fold_journal")) as running:

        def run(dag_id: str, **conf: Any) -> dict[str, float]:
            run_id = _run(running, dag_id, conf)[0]
            task_id = dag_id.partition("_")[0]
            path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
            values: dict[str, float] = running.call_api("GET", path)["value"]
            return values

        run("fold_journal", count=1)  # adds the DAG's asset to the database
        _insert_events(home / "airflow.db", count)
        yield run


def _insert_events(database: Path, count: int) -> None:
    """Insert events that each record a started stream, one per millisecond."""
    now = datetime.now(UTC)
    rows = []
    for number in range(count):
        at, sid = now - timedelta(milliseconds=number), str(UUID(int=number))
        extra = json.dumps(to_extra([StreamEvent("started", "project", sid, sid, "bot", at)]))
        rows.append((extra, f"run {number}", at.strftime("%Y-%m-%d %H:%M:%S.%f")))
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.executemany(
            "INSERT INTO asset_event (asset_id, extra, source_dag_id, source_run_id, source_task_id, source_map_index,"
            " timestamp) SELECT id, ?, 'calls', ?, 'start', -1, ? FROM asset WHERE name = 'journal'",
            rows,
        )


def _make_airflow(home: Path, dags: str, **settings: str) -> Any:
    """Return an Airflow with the DAGs in a subfolder of the benchmarks."""
    sys.path.insert(0, str(PROJECT_DIR / "scripts"))
    from local_airflow import LocalAirflow

    bundle = {
        "name": "benchmarks",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(FOLDER / dags)},
    }
    bundles = json.dumps([bundle])
    return LocalAirflow(home, "airflow.log", AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=bundles, **settings)


def _run_airflow(airflow: Any, dag_ids: Collection[str]) -> Any:
    from local_airflow import free_port

    return airflow.standalone(free_port(_PORT), dag_ids=dag_ids)


def _run(airflow: Any, dag_id: str, conf: dict[str, Any] | None = None) -> tuple[str, float]:
    """Run a DAG; return the run's id and duration."""
    deadline = time.monotonic() + RUN_SECONDS
    body = {"logical_date": None, "conf": conf or {}}
    run_id = str(airflow.call_api("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"])
    while True:
        run = _get(airflow, f"dags/{dag_id}/dagRuns/{run_id}")
        if run.get("state") == "success":
            started, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
            return run_id, (ended - started).total_seconds()
        if run.get("state") == "failed":
            raise RuntimeError(f"the run of {dag_id} failed")
        _wait(deadline, f"the run of {dag_id} timed out")


def _get(airflow: Any, path: str) -> dict[str, Any]:
    """Send a GET request to Airflow's REST API; return {} if Airflow is too busy to respond."""
    try:
        response: dict[str, Any] = airflow.call_api("GET", path)
    except requests.RequestException:
        return {}
    return response


def _wait(deadline: float, error: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(error)
    time.sleep(1)
