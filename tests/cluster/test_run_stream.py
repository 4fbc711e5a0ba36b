"""A user marks or clears a deferred task: its trigger's ``on_kill`` stops the stream."""

from __future__ import annotations

import pytest
from cluster import Cluster
from cluster_simulator import ClusterSimulator
from processes import wait_until

DAG_ID = "run_stream"


def run_stream(cluster: Cluster, simulator: ClusterSimulator) -> str:
    """Trigger a run, wait until its task is deferred, and return the run's id."""
    [call_sid] = simulator.seed_calls(1)
    run_id = cluster.trigger(DAG_ID, {"call_sid": call_sid})
    wait_until_triggerer_polls(cluster, simulator, run_id, starts=1)
    assert simulator.running_count() == 1
    return run_id


def wait_until_triggerer_polls(cluster: Cluster, simulator: ClusterSimulator, run_id: str, *, starts: int) -> None:
    """Wait until the trigger has read the call after the last start; before that, Airflow does not call ``on_kill``.

    :param starts: Number of streams started so far.
    """

    def has_polled() -> bool:
        requests = [(request["method"], request["path"].endswith("/Streams")) for request in simulator.requests()]
        started = [index for index, request in enumerate(requests) if request == ("POST", True)]
        return len(started) == starts and ("GET", False) in requests[started[-1] :]

    wait_until(lambda: cluster.database.state_counts(run_id)["deferred"], "the task is deferred")
    wait_until(has_polled, "the trigger reads the call")


def mark_and_wait_for_stop(cluster: Cluster, simulator: ClusterSimulator, run_id: str, state: str) -> None:
    cluster.call_api("PATCH", f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/stream", {"new_state": state})
    assert cluster.database.wait_for_end(run_id) == state
    wait_until(lambda: simulator.running_count() == 0, "the stream is stopped")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_task_stops_its_stream(cluster: Cluster, simulator: ClusterSimulator, state: str) -> None:
    run_id = run_stream(cluster, simulator)
    mark_and_wait_for_stop(cluster, simulator, run_id, state)
    assert len(simulator.streams()) == 1


def test_clearing_task_stops_its_stream_and_starts_another(cluster: Cluster, simulator: ClusterSimulator) -> None:
    run_id = run_stream(cluster, simulator)
    [first] = simulator.streams()
    body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": ["stream"]}
    cluster.call_api("POST", f"dags/{DAG_ID}/clearTaskInstances", body)
    wait_until_triggerer_polls(cluster, simulator, run_id, starts=2)
    [second] = simulator.running_streams()
    assert second["sid"] != first["sid"]
    mark_and_wait_for_stop(cluster, simulator, run_id, "failed")
