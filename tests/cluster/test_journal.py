"""Cleanup by journal in an Airflow of separate processes: no stream of a living run is stopped, none is left."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cluster import Cluster
from database import TaskInstance
from processes import Processes, wait_until
from services import start_postgres
from simulator_process import SimulatorProcess

from airflow_provider_signalwire.journal_store import MAX_ENTRIES

END_SECONDS = 120
READ_SECONDS = 1800
MANY_EVENTS = 100_000
STOPS = {"method": "POST", "path_contains": "/Streams/"}

_files = itertools.count()


@pytest.fixture(scope="module")
def started_cluster(
    services: Processes, started_simulator: SimulatorProcess, folder: Path, logs: Path
) -> Iterator[Cluster]:
    home = folder / "airflow"
    home.mkdir()
    database = start_postgres(services, folder)
    with Processes(logs) as processes:
        cluster = Cluster(
            processes,
            home,
            database=database,
            signalwire_url=started_simulator.url,
            executor="LocalExecutor",
            components=("scheduler", "dag-processor"),
            # A mapped task with `retries=0` has the default number of retries.
            settings={"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "0"},
        )
        cluster.start()
        yield cluster


@pytest.fixture
def cluster(started_cluster: Cluster, simulator: SimulatorProcess) -> Cluster:
    """Airflow with nothing to do; streams of earlier tests are settled, because their calls are gone."""
    started_cluster.processes.check()
    assert started_cluster.database.unfinished() == []
    clean_up(started_cluster)
    simulator.reset(stop_delay_ms=0, answer_delay_ms=0)
    return started_cluster


class Owner:
    """A run that starts streams, works until it is released, and stops its first stream.

    :param count: Number of streams, each on a new call.
    :param calls: Calls for the streams instead.
    :param name: The streams' name; the run's id, unless given.
    :param until: The task that is running when this returns.
    """

    def __init__(
        self,
        cluster: Cluster,
        simulator: SimulatorProcess,
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
        wait_until(lambda: self.state(task_id) == state, f"{task_id} is {state}", END_SECONDS)

    def state(self, task_id: str) -> str | None:
        return self._task(task_id).state

    def kill(self, task_id: str) -> None:
        """``kill -9`` a task's process."""
        pid = self._task(task_id).pid
        assert pid is not None
        psutil.Process(pid).kill()

    def _task(self, task_id: str) -> TaskInstance:
        """The task's instance; the first one of a mapped task."""
        return next(task for task in self.cluster.database.task_instances(self.run_id) if task.task_id == task_id)

    def clear(self, task_id: str) -> None:
        """Run a task again, and all that follow, until the work is running."""
        self.file.unlink()
        body = {"dry_run": False, "only_failed": False, "include_downstream": True}
        body |= {"dag_run_id": self.run_id, "task_ids": [task_id]}
        self.cluster.call_api("POST", f"dags/{self.dag_id}/clearTaskInstances", body)
        self.wait_for("work", "running")

    def end(self) -> None:
        self.file.touch()
        self.cluster.database.wait_for_end(self.run_id, END_SECONDS)


def clean_up(cluster: Cluster, dag_id: str = "journal_cleanup") -> dict[str, Any]:
    run_id = cluster.trigger(dag_id, {})
    return result_of(cluster, run_id, dag_id)


def result_of(cluster: Cluster, run_id: str, dag_id: str = "journal_cleanup") -> dict[str, Any]:
    cluster.database.wait_for_end(run_id, END_SECONDS)
    assert cluster.database.run_state(run_id) == "success"
    return dict(cluster.xcom(dag_id, run_id, "clean_up"))


def running(simulator: SimulatorProcess) -> set[str]:
    """The names of the streams that are running: the ids of the runs that started them."""
    return {stream["name"] for stream in simulator.streams() if stream["status"] != "stopped"}


def test_two_cleanups_at_once(cluster: Cluster, simulator: SimulatorProcess) -> None:
    ended, alive = Owner(cluster, simulator, 8), Owner(cluster, simulator)
    ended.end()
    runs = [cluster.trigger("journal_cleanup", {}) for _ in range(2)]
    assert sum(result_of(cluster, run_id)["failed"] for run_id in runs) == 0
    assert running(simulator) == {alive.run_id}
    assert clean_up(cluster)["running"] == 1
    alive.end()


def test_cleanup_killed_half_way(cluster: Cluster, simulator: SimulatorProcess) -> None:
    ended, alive = Owner(cluster, simulator, 8), Owner(cluster, simulator)
    ended.end()
    run_id = cluster.trigger("journal_cleanup_slow", {})
    wait_until(lambda: 0 < simulator.running() < 8, "some streams are stopped", END_SECONDS)
    [task] = cluster.database.task_instances(run_id, "running")
    assert task.pid is not None
    psutil.Process(task.pid).kill()
    assert ended.run_id in running(simulator)

    summary = result_of(cluster, run_id, "journal_cleanup_slow")
    assert cluster.database.tries(run_id) == 1
    assert len(summary["forgotten"]) == 8
    assert running(simulator) == {alive.run_id}
    assert clean_up(cluster)["forgotten"] == []
    alive.end()


def test_cleared_start(cluster: Cluster, simulator: SimulatorProcess) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.end()
    first = {stream["sid"] for stream in simulator.streams()}
    for stream in simulator.streams():  # a name is unique among the streams that run on a call
        simulator.stop(stream)
    owner.clear("start")
    assert clean_up(cluster)["forgotten"] == []
    left = {stream["sid"] for stream in simulator.streams() if stream["status"] != "stopped"}
    assert len(left) == 2
    assert not left & first
    owner.end()
    clean_up(cluster)
    assert running(simulator) == set()


def test_run_that_is_run_again(cluster: Cluster, simulator: SimulatorProcess) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.end()
    assert running(simulator) == {owner.run_id}
    owner.clear("work")
    assert clean_up(cluster)["forgotten"] == []
    assert running(simulator) == {owner.run_id}
    owner.end()
    clean_up(cluster)
    assert running(simulator) == set()


def test_deleted_run(cluster: Cluster, simulator: SimulatorProcess) -> None:
    owner = Owner(cluster, simulator, 2)
    owner.end()
    cluster.call_api("DELETE", f"dags/{owner.dag_id}/dagRuns/{owner.run_id}")
    assert clean_up(cluster)["forgotten"][0]["run_state"] == "deleted"
    assert running(simulator) == set()


def test_stream_restarted_under_the_same_name(cluster: Cluster, simulator: SimulatorProcess) -> None:
    ended = Owner(cluster, simulator, 2)
    ended.end()
    [left] = [stream for stream in simulator.streams() if stream["status"] != "stopped"]
    simulator.stop(left)
    simulator.wait_for_accepted_stops()
    alive = Owner(cluster, simulator, calls=[left["call_sid"]], name=ended.run_id)
    assert left["sid"] in {found["stream_sid"] for found in clean_up(cluster)["forgotten"]}
    [stream] = [stream for stream in simulator.streams() if stream["status"] != "stopped"]
    assert (stream["call_sid"], stream["name"]) == (left["call_sid"], ended.run_id)
    alive.end()


def test_journal_that_no_other_dag_mentions(cluster: Cluster, simulator: SimulatorProcess) -> None:
    ended = Owner(cluster, simulator, 2)
    ended.end()
    assert clean_up(cluster, "journal_cleanup_unmentioned")["running"] == 0
    assert running(simulator) == {ended.run_id}
    clean_up(cluster)


def test_teardown_skipped_by_dagrun_timeout(cluster: Cluster, simulator: SimulatorProcess) -> None:
    owner = Owner(cluster, simulator, dag_id="journal_owner_in_time")
    cluster.database.wait_for_end(owner.run_id, END_SECONDS)
    assert cluster.database.run_state(owner.run_id) == "failed"
    assert running(simulator) == {owner.run_id}
    assert clean_up(cluster)["forgotten"][0]["run_state"] == "failed"
    assert running(simulator) == set()


def test_stop_killed_on_its_last_try(cluster: Cluster, simulator: SimulatorProcess) -> None:
    owner = Owner(cluster, simulator)
    simulator.set_faults({"match": STOPS, "times": 1, "kind": "hang", "when": "before"})
    owner.file.touch()
    wait_until(lambda: simulator.requests("/Streams/"), "the stop was sent", END_SECONDS)
    owner.kill("stop")
    cluster.database.wait_for_end(owner.run_id, END_SECONDS)
    assert running(simulator) == {owner.run_id}
    clean_up(cluster)
    assert running(simulator) == set()


def start_that_hangs(cluster: Cluster, simulator: SimulatorProcess) -> Owner:
    """A run whose start has no response, although its stream runs."""
    simulator.set_faults({"match": {"method": "POST"}, "times": 1, "kind": "hang", "when": "after"})
    streams = simulator.running()
    owner = Owner(cluster, simulator, until="start")
    wait_until(lambda: simulator.running() > streams, "the stream has begun", END_SECONDS)
    return owner


def test_start_killed_on_its_last_try(cluster: Cluster, simulator: SimulatorProcess) -> None:
    killed = start_that_hangs(cluster, simulator)
    killed.kill("start")
    cluster.database.wait_for_end(killed.run_id, END_SECONDS)
    assert killed.state("stop") == "upstream_failed"
    alive = start_that_hangs(cluster, simulator)
    assert running(simulator) == {killed.run_id, alive.run_id}

    summary = clean_up(cluster)
    [found] = summary["forgotten"]
    assert (found["stream_sid"], found["run_id"], found["run_state"]) == (killed.run_id, killed.run_id, "failed")
    assert running(simulator) == {alive.run_id}
    assert clean_up(cluster)["forgotten"] == []

    alive.kill("start")
    cluster.database.wait_for_end(alive.run_id, END_SECONDS)
    clean_up(cluster)
    assert running(simulator) == set()


@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_person_decides_above_the_limit(cluster: Cluster, simulator: SimulatorProcess, answer: str) -> None:
    ended, ends_later = Owner(cluster, simulator, 4), Owner(cluster, simulator, 2)
    ended.end()
    dag_id = "journal_cleanup_asking"
    run_id = cluster.trigger(dag_id, {})
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/clean_up/-1/hitlDetails"
    wait_until(lambda: cluster.database.states(run_id)["awaiting_input"], "the cleanup asks", END_SECONDS)
    detail = cluster.call_api("GET", path)
    assert detail["subject"] == "Stop 4 forgotten streams?"
    assert f"run '{ended.run_id}' (success)" in detail["body"]
    ends_later.end()  # its second stream becomes forgotten after the question
    stops = len(simulator.requests("/Streams/"))

    cluster.call_api("PATCH", path, {"chosen_options": [answer]})
    cluster.database.wait_for_end(run_id, END_SECONDS)
    if answer == "Approve":
        assert cluster.xcom(dag_id, run_id, "clean_up")["requested"] == 4
        assert running(simulator) == {ends_later.run_id}
    else:
        assert cluster.database.run_state(run_id) == "failed"
        assert cluster.database.tries(run_id) == 0
        assert len(simulator.requests("/Streams/")) == stops
    clean_up(cluster)
    assert running(simulator) == set()


@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_person_decides_above_the_limit_by_name(cluster: Cluster, simulator: SimulatorProcess, answer: str) -> None:
    owner = Owner(cluster, simulator, 6, name="by name")
    dag_id = "journal_cleanup_asking_by_name"
    run_id = cluster.trigger(dag_id, {})
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/clean_up/-1/hitlDetails"
    wait_until(lambda: cluster.database.states(run_id)["awaiting_input"], "the cleanup asks", END_SECONDS)
    assert "2 stopped" in cluster.call_api("GET", path)["body"]
    # The scheduler takes a response that is there before it has noticed the end of the task's process for a failure.
    log = cluster.processes.log("scheduler")
    finished = f"run_id={run_id}, map_index=-1"
    wait_until(
        lambda: any(finished in line and "state=awaiting_input" in line for line in log.read_text().splitlines()),
        "the scheduler has noticed that the task has left its process",
        END_SECONDS,
    )
    simulator.wait_for_accepted_stops()
    assert simulator.running() == 4

    cluster.call_api("PATCH", path, {"chosen_options": [answer]})
    cluster.database.wait_for_end(run_id, END_SECONDS)
    simulator.wait_for_accepted_stops()
    assert cluster.xcom(dag_id, run_id, "clean_up")["stopped"] == (6 if answer == "Approve" else 2)
    assert cluster.database.run_state(run_id) == ("success" if answer == "Approve" else "failed")
    assert simulator.running() == (0 if answer == "Approve" else 4)
    owner.end()


def test_without_response_nothing_is_sent(cluster: Cluster, simulator: SimulatorProcess) -> None:
    Owner(cluster, simulator, 4).end()
    stops = len(simulator.requests("/Streams/"))
    run_id = cluster.trigger("journal_cleanup_asking_briefly", {})
    cluster.database.wait_for_end(run_id, END_SECONDS)
    assert cluster.database.run_state(run_id) == "failed"
    assert cluster.database.tries(run_id) == 0
    assert len(simulator.requests("/Streams/")) == stops
    clean_up(cluster)


@pytest.mark.parametrize("kind", ["large event", "many events"])
def test_large_journal_is_read_in_bounded_memory(
    cluster: Cluster, kind: str, is_short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also prints how long that takes on PostgreSQL."""
    if kind == "large event":
        count = MAX_ENTRIES
        run_id = cluster.trigger("journal_size", {"count": count})
        cluster.database.wait_for_end(run_id, END_SECONDS)
        assert cluster.database.run_state(run_id) == "success"
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
    assert figures["megabytes"] < 300, figures  # the task's whole process; Airflow itself takes 160 MB
