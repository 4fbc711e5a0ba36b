"""Stopping streams by dynamic task mapping, in an Airflow of the benchmark's own."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.results import BUILD_DIR
from benchmarks.simulators import PROJECT

PROJECT_DIR = Path(__file__).resolve().parent.parent
DAG_ID = "mapped_stops"
PORT = 8099
RUN_SECONDS = 180


class NotMeasuredError(Exception):
    """The peer could not be set up, and why."""


def stops_by_mapped_tasks(streams: list[dict[str, str]]) -> float:
    """Stop each stream in a separate task and return the seconds of the DAG run."""
    sys.path.insert(0, str(PROJECT_DIR / "scripts"))
    from local_airflow import LocalAirflow, free_port

    home = BUILD_DIR / "mapped"
    airflow = LocalAirflow(home, "airflow.log", **_settings(home))
    (home / "endpoints.json").write_text(json.dumps([_endpoint(stream) for stream in streams]))
    try:
        with airflow.standalone(free_port(PORT)) as running:
            return _timed_run(running)
    except SystemExit as error:
        raise NotMeasuredError(f"Airflow did not start ({str(error)[:200]})") from None


def _settings(home: Path) -> dict[str, str]:
    folders = {"benchmarks": PROJECT_DIR / "benchmarks" / "dags", "examples": PROJECT_DIR / "example_dags"}
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
        for name, folder in folders.items()
    ]
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "BENCHMARK_ENDPOINTS": str(home / "endpoints.json"),
        "AIRFLOW_CONN_HTTP_DEFAULT": os.environ["AIRFLOW_CONN_HTTP_DEFAULT"],
    }


def _endpoint(stream: dict[str, str]) -> str:
    calls = f"api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
    return f"{calls}/{stream['call_sid']}/Streams/{stream['stream_sid']}"


def _timed_run(airflow: Any) -> float:
    deadline = time.monotonic() + RUN_SECONDS
    while DAG_ID not in {dag["dag_id"] for dag in _asked(airflow, "dags").get("dags", ())}:
        _wait(deadline, "its DAG was not found in time")
    run_id = airflow.call_api("POST", f"dags/{DAG_ID}/dagRuns", {"logical_date": None})["dag_run_id"]
    while True:
        run = _asked(airflow, f"dags/{DAG_ID}/dagRuns/{run_id}")
        if run.get("state") == "success":
            began, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
            return (ended - began).total_seconds()
        if run.get("state") == "failed":
            raise NotMeasuredError("its tasks failed")
        _wait(deadline, "its tasks did not end in time")


def _asked(airflow: Any, path: str) -> dict[str, Any]:
    """Read from Airflow's REST API; nothing, if it is too busy with the tasks to answer."""
    try:
        answer: dict[str, Any] = airflow.call_api("GET", path)
    except requests.RequestException:
        return {}
    return answer


def _wait(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise NotMeasuredError(otherwise)
    time.sleep(2)
