"""A user ends a deferred task in a real Airflow: its trigger's ``on_kill`` stops the stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster
from processes import Processes, wait_until
from services import start_postgres
from simulator_process import SimulatorProcess

END_SECONDS = 120
DAG_ID = "run_stream"


@pytest.fixture(scope="module")
def cluster(services: Processes, started_simulator: SimulatorProcess, folder: Path, logs: Path) -> Iterator[Cluster]:
    home = folder / "airflow"
    home.mkdir()
    database = start_postgres(services, folder)
    with Processes(logs) as processes:
        cluster = Cluster(
            processes, home, database=database, signalwire_url=started_simulator.url, executor="LocalExecutor"
        )
        cluster.start()
        yield cluster


def run_stream(cluster: Cluster, simulator: SimulatorProcess) -> str:
    """Start a run, and return its id when the triggerer waits for the end of its call."""
    [call_sid] = simulator.seed_calls(1)
    run_id = cluster.trigger(DAG_ID, {"call_sid": call_sid})
    wait_until_triggerer_polls(cluster, simulator, run_id, starts=1)
    assert simulator.running() == 1
    return run_id


def wait_until_triggerer_polls(cluster: Cluster, simulator: SimulatorProcess, run_id: str, *, starts: int) -> None:
    """Return when the task is deferred, and its trigger has read the call. Before that, Airflow calls no ``on_kill``.

    :param starts: Number of streams that are started before.
    """

    def has_polled() -> bool:
        methods = [(request["method"], request["path"].endswith("/Streams")) for request in simulator.requests()]
        started = [index for index, request in enumerate(methods) if request == ("POST", True)]
        return len(started) == starts and ("GET", False) in methods[started[-1] :]

    wait_until(lambda: cluster.database.states(run_id)["deferred"], "the task is deferred", END_SECONDS)
    wait_until(has_polled, "the trigger reads the call", END_SECONDS)


def mark(cluster: Cluster, run_id: str, state: str) -> None:
    cluster.call_api("PATCH", f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/stream", {"new_state": state})
    cluster.database.wait_for_end(run_id, END_SECONDS)
    assert cluster.database.run_state(run_id) == state


def wait_until_stopped(simulator: SimulatorProcess) -> None:
    wait_until(lambda: simulator.running() == 0, "the stream is stopped", END_SECONDS)


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marked_task_stops_its_stream(cluster: Cluster, simulator: SimulatorProcess, state: str) -> None:
    run_id = run_stream(cluster, simulator)
    mark(cluster, run_id, state)
    wait_until_stopped(simulator)
    assert len(simulator.streams()) == 1


def test_cleared_task_stops_its_stream_and_starts_another(cluster: Cluster, simulator: SimulatorProcess) -> None:
    run_id = run_stream(cluster, simulator)
    [first] = simulator.streams()
    body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": ["stream"]}
    cluster.call_api("POST", f"dags/{DAG_ID}/clearTaskInstances", body)
    wait_until_triggerer_polls(cluster, simulator, run_id, starts=2)
    statuses = {stream["sid"]: stream["status"] for stream in simulator.streams()}
    assert statuses.pop(first["sid"]) == "stopped"
    assert "stopped" not in statuses.values()
    mark(cluster, run_id, "failed")
    wait_until_stopped(simulator)
