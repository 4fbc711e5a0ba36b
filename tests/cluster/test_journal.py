"""Cleanup by journal: it stops every stream of ended runs, and none of running ones."""

from __future__ import annotations

import itertools
from typing import Any

import psutil
import pytest
from cluster import Cluster
from cluster_simulator import ClusterSimulator
from database import TaskInstance
from processes import wait_until
from simulated import STOPS

from airflow_provider_signalwire.journal_events import MAX_ENTRIES

READ_SECONDS = 1800
MANY_EVENTS = 100_000

_files = itertools.count()


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    # A mapped task with `retries=0` uses the default number of retries.
    settings = {"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "0"}
    return {"components": ("scheduler", "dag-processor"), "settings": settings}


@pytest.fixture
def cluster(cluster: Cluster, simulator: ClusterSimulator) -> Cluster:
    """Airflow, with no running stream in the journal."""
    clean_up(cluster)
    simulator.reset(stop_delay_ms=0, answer_delay_ms=0)
    return cluster


class Owner:
    """A run that starts streams, works until its file exists, and stops its first stream.

    :param count: Number of streams, each on a new call.
    :param calls: SIDs of existing calls to use instead.
    :param name: Name of the streams; the run's id by default.
    :param until: Task to wait for.
    """

    def __init__(
        self,
        cluster: Cluster,
        simulator: ClusterSimulator,
        count: int = 1,
        dag_id: str = "journal_owner",
        *,
        calls: list[str] | None = None,
        name: str = "",
        until: str = "work",
    ) -> None:
        self.cluster = cluster
        self.dag_id = dag_id
        self.file = cluster.folder / f"release{next(_files)}"
        calls = calls or simulator.seed_calls(count)
        self.run_id = cluster.trigger(dag_id, {"call_sids": calls, "file": str(self.file), "name": name})
        self.wait_for(until, "running")

    def wait_for(self, task_id: str, state: str) -> None:
        wait_until(lambda: self.state(task_id) == state, f"{task_id} is {state}")

    def state(self, task_id: str) -> str | None:
        return self._task(task_id).state

    def kill(self, task_id: str) -> None:
        """``kill -9`` a task's process."""
        pid = self._task(task_id).pid
        assert pid is not None
        psutil.Process(pid).kill()

    def _task(self, task_id: str) -> TaskInstance:
        """Return the task instance; the first one of a mapped task."""
        return next(task for task in self.cluster.database.task_instances(self.run_id) if task.task_id == task_id)

    def clear(self, task_id: str) -> None:
        """Clear a task and everything downstream, and wait until the work is running again."""
        self.file.unlink()
        body = {"dry_run": False, "only_failed": False, "include_downstream": True}
        body |= {"dag_run_id": self.run_id, "task_ids": [task_id]}
        self.cluster.call_api("POST", f"dags/{self.dag_id}/clearTaskInstances", body)
        self.wait_for("work", "running")

    def finish(self) -> None:
        self.file.touch()
        self.cluster.database.wait_for_end(self.run_id)


def clean_up(cluster: Cluster, dag_id: str = "journal_cleanup") -> dict[str, Any]:
    return summary_of(cluster, cluster.trigger(dag_id, {}), dag_id)


def summary_of(cluster: Cluster, run_id: str, dag_id: str = "journal_cleanup") -> dict[str, Any]:
    assert cluster.database.wait_for_end(run_id) == "success"
    return dict(cluster.xcom(dag_id, run_id, "clean_up"))


def running_names(simulator: ClusterSimulator) -> set[str]:
    """Return the names of the running streams; by default, the ids of the runs that started them."""
    return {stream["name"] for stream in simulator.running_streams()}


def test_concurrent_cleanups(cluster: Cluster, simulator: ClusterSimulator) -> None:
    ended, active = Owner(cluster, simulator, 8), Owner(cluster, simulator)
    ended.finish()
    runs = [cluster.trigger("journal_cleanup", {}) for _ in range(2)]
    assert sum(summary_of(cluster, run_id)["failed"] for run_id in runs) == 0
    assert running_names(simulator) == {active.run_id}
    assert clean_up(cluster)["running"] == 1
    active.finish()


def test_killed_cleanup_resumes(cluster: Cluster, simulator: ClusterSimulator) -> None:
    ended, active = Owner(cluster, simulator, 8), Owner(cluster, simulator)
    ended.finish()
    run_id = cluster.trigger("journal_cleanup_slow", {})
    wait_until(lambda: 0 < simulator.running_count() < 8, "some streams are stopped")
    [task] = cluster.database.task_instances(run_id, "running")
    assert task.pid is not None
    psutil.Process(task.pid).kill()
    assert ended.run_id in running_names(simulator)

    summary = summary_of(cluster, run_id, "journal_cleanup_slow")
    assert cluster.database.retries(run_id) == 1
    assert len(summary["forgotten"]) == 8
    assert running_names(simulator) == {active.run_id}
    assert clean_up(cluster)["forgotten"] == []
    active.finish()


def test_cleared_start_owns_only_new_streams(cluster: Cluster, simulator: ClusterSimulator) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.finish()
    first = {stream["sid"] for stream in simulator.streams()}
    for stream in simulator.streams():  # so that their names can be used again
        simulator.stop_stream(stream)
    owner.clear("start")
    assert clean_up(cluster)["forgotten"] == []
    left = {stream["sid"] for stream in simulator.running_streams()}
    assert len(left) == 2
    assert not left & first
    owner.finish()
    clean_up(cluster)
    assert running_names(simulator) == set()


def test_rerun_keeps_its_streams(cluster: Cluster, simulator: ClusterSimulator) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.finish()
    assert running_names(simulator) == {owner.run_id}
    owner.clear("work")
    assert clean_up(cluster)["forgotten"] == []
    assert running_names(simulator) == {owner.run_id}
    owner.finish()
    clean_up(cluster)
    assert running_names(simulator) == set()


def test_deleted_run_counts_as_ended(cluster: Cluster, simulator: ClusterSimulator) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.finish()
    cluster.call_api("DELETE", f"dags/{owner.dag_id}/dagRuns/{owner.run_id}")
    assert clean_up(cluster)["forgotten"][0]["run_state"] == "deleted"
    assert running_names(simulator) == set()


def test_stream_of_same_name_is_kept(cluster: Cluster, simulator: ClusterSimulator) -> None:
    ended = Owner(cluster, simulator, 2)
    ended.finish()
    [left] = simulator.running_streams()
    simulator.stop_stream(left)
    simulator.wait_for_accepted_stops()
    active = Owner(cluster, simulator, calls=[left["call_sid"]], name=ended.run_id)
    assert left["sid"] in {found["stream_sid"] for found in clean_up(cluster)["forgotten"]}
    [stream] = simulator.running_streams()
    assert (stream["call_sid"], stream["name"]) == (left["call_sid"], ended.run_id)
    active.finish()


def test_teardown_skipped_by_dagrun_timeout(cluster: Cluster, simulator: ClusterSimulator) -> None:
    owner = Owner(cluster, simulator, dag_id="journal_owner_with_timeout")
    assert cluster.database.wait_for_end(owner.run_id) == "failed"
    assert running_names(simulator) == {owner.run_id}
    assert clean_up(cluster)["forgotten"][0]["run_state"] == "failed"
    assert running_names(simulator) == set()


def test_stop_killed_on_last_try(cluster: Cluster, simulator: ClusterSimulator) -> None:
    owner = Owner(cluster, simulator)
    simulator.set_faults([{"match": STOPS, "times": 1, "kind": "hang", "when": "before"}])
    owner.file.touch()
    wait_until(lambda: simulator.requests("/Streams/"), "the stop was sent")
    owner.kill("stop")
    cluster.database.wait_for_end(owner.run_id)
    assert running_names(simulator) == {owner.run_id}
    clean_up(cluster)
    assert running_names(simulator) == set()


def run_with_hanging_start(cluster: Cluster, simulator: ClusterSimulator) -> Owner:
    """Return a run whose start waits for a response although its stream is running."""
    simulator.set_faults([{"match": {"method": "POST"}, "times": 1, "kind": "hang", "when": "after"}])
    streams = simulator.running_count()
    owner = Owner(cluster, simulator, until="start")
    wait_until(lambda: simulator.running_count() > streams, "the stream is running")
    return owner


def test_start_killed_on_last_try(cluster: Cluster, simulator: ClusterSimulator) -> None:
    killed = run_with_hanging_start(cluster, simulator)
    killed.kill("start")
    cluster.database.wait_for_end(killed.run_id)
    assert killed.state("stop") == "upstream_failed"
    active = run_with_hanging_start(cluster, simulator)
    assert running_names(simulator) == {killed.run_id, active.run_id}

    summary = clean_up(cluster)
    [found] = summary["forgotten"]
    assert (found["stream_sid"], found["run_id"], found["run_state"]) == (killed.run_id, killed.run_id, "failed")
    assert running_names(simulator) == {active.run_id}
    assert clean_up(cluster)["forgotten"] == []

    active.kill("start")
    cluster.database.wait_for_end(active.run_id)
    clean_up(cluster)
    assert running_names(simulator) == set()


def trigger_and_wait_for_approval_request(cluster: Cluster, dag_id: str) -> tuple[str, str]:
    """Return the run's id and the path of the approval request in the REST API."""
    run_id = cluster.trigger(dag_id, {})
    # Airflow's scheduler fails the task if the response arrives before it knows that the task's process has exited.
    log = cluster.processes.log("scheduler")
    finished = f"run_id={run_id}, map_index=-1"
    wait_until(
        lambda: any(finished in line and "state=awaiting_input" in line for line in log.read_text().splitlines()),
        "the cleanup waits for approval",
    )
    return run_id, f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/clean_up/-1/hitlDetails"


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_cleanup_above_max_stops_requires_approval(cluster: Cluster, simulator: ClusterSimulator, option: str) -> None:
    ended, ends_later = Owner(cluster, simulator, 4), Owner(cluster, simulator, 2)
    ended.finish()
    dag_id = "journal_cleanup_with_approval"
    run_id, path = trigger_and_wait_for_approval_request(cluster, dag_id)
    detail = cluster.call_api("GET", path)
    assert detail["subject"] == "Stop 4 forgotten streams?"
    assert f"run '{ended.run_id}' (success)" in detail["body"]
    ends_later.finish()  # its second stream is forgotten after the request
    stops = len(simulator.requests("/Streams/"))

    cluster.call_api("PATCH", path, {"chosen_options": [option]})
    state = cluster.database.wait_for_end(run_id)
    if option == "Approve":
        assert cluster.xcom(dag_id, run_id, "clean_up")["requested"] == 4
        assert running_names(simulator) == {ends_later.run_id}
    else:
        assert state == "failed"
        assert cluster.database.retries(run_id) == 0
        assert len(simulator.requests("/Streams/")) == stops
    clean_up(cluster)
    assert running_names(simulator) == set()


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_cleanup_by_name_above_max_stops_requires_approval(
    cluster: Cluster, simulator: ClusterSimulator, option: str
) -> None:
    owner = Owner(cluster, simulator, 6, name="by name")
    dag_id = "journal_cleanup_by_name_with_approval"
    run_id, path = trigger_and_wait_for_approval_request(cluster, dag_id)
    assert "2 stopped" in cluster.call_api("GET", path)["body"]
    simulator.wait_for_accepted_stops()
    assert simulator.running_count() == 4

    cluster.call_api("PATCH", path, {"chosen_options": [option]})
    expected = ("success", 6, 0) if option == "Approve" else ("failed", 2, 4)
    state = cluster.database.wait_for_end(run_id)
    simulator.wait_for_accepted_stops()
    stopped = cluster.xcom(dag_id, run_id, "clean_up")["stopped"]
    assert (state, stopped, simulator.running_count()) == expected
    owner.finish()


def test_cleanup_without_response_stops_nothing(cluster: Cluster, simulator: ClusterSimulator) -> None:
    Owner(cluster, simulator, 4).finish()
    stops = len(simulator.requests("/Streams/"))
    run_id = cluster.trigger("journal_cleanup_with_short_approval", {})
    assert cluster.database.wait_for_end(run_id) == "failed"
    assert cluster.database.retries(run_id) == 0
    assert len(simulator.requests("/Streams/")) == stops
    clean_up(cluster)


@pytest.mark.parametrize("kind", ["large event", "many events"])
def test_large_journal_is_read_in_bounded_memory(
    cluster: Cluster, kind: str, is_short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """This test also prints the time per 1,000 streams on PostgreSQL."""
    if kind == "large event":
        count = MAX_ENTRIES
        run_id = cluster.trigger("journal_size", {"count": count})
        assert cluster.database.wait_for_end(run_id) == "success"
    else:
        count = MANY_EVENTS // 20 if is_short else MANY_EVENTS
        cluster.database.insert_events(kind, count)
    dag_id = f"journal_size_of_{kind.replace(' ', '_')}"
    run_id = cluster.trigger(dag_id, {})
    cluster.database.wait_for_end(run_id, READ_SECONDS)
    figures = cluster.xcom(dag_id, run_id, "read")
    with capsys.disabled():
        print(f"\n{kind}: {figures['seconds'] / count * 1000:.2f} s per 1,000 streams, {figures['megabytes']:.0f} MB")
    assert figures["running"] == count
    assert figures["megabytes"] < 300, figures  # the whole process, of which Airflow itself uses 160 MB
