"""Kill components of Airflow, and simulate outages of SignalWire, while tasks run."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from cluster import CLUSTER_TESTS, Cluster
from cluster_simulator import ClusterSimulator
from outage_proxy import OutageProxy
from processes import Processes, wait_until
from simulated import stop_always_returns

# Streams do not stop while this fault is set.
STILL_QUEUED = stop_always_returns("queued")


class Sizes(NamedTuple):
    """Numbers of streams and tasks, and the length of an outage."""

    batch: int
    starts: int
    sensors: int
    outage_seconds: int


@pytest.fixture(scope="module")
def sizes(is_short: bool) -> Sizes:
    if is_short:
        return Sizes(batch=2500, starts=6, sensors=15, outage_seconds=10)
    return Sizes(batch=5000, starts=20, sensors=200, outage_seconds=60)


def start_batch(cluster: Cluster, streams: list[dict[str, str]], dag_id: str = "stop_batch") -> str:
    file = cluster.folder / f"{time.monotonic_ns()}.jsonl"
    file.write_text("".join(json.dumps(stream) + "\n" for stream in streams))
    return cluster.trigger(dag_id, {"file": str(file)})


def wait_until_stopped(simulator: ClusterSimulator, share: float) -> None:
    """Wait until this share of the running streams has stopped."""
    left = simulator.running_count() * (1 - share)
    wait_until(lambda: simulator.running_count() <= left, f"{share:.0%} of the streams have stopped")


def assert_runs_succeeded(cluster: Cluster, simulator: ClusterSimulator, *run_ids: str) -> None:
    cluster.assert_runs_succeeded(*run_ids)
    simulator.wait_for_accepted_stops()


def running_per_call(simulator: ClusterSimulator) -> Counter[str]:
    return Counter(stream["call_sid"] for stream in simulator.running_streams())


def assert_batch_stopped(cluster: Cluster, run_id: str, count: int, dag_id: str = "stop_batch") -> None:
    summary = cluster.xcom(dag_id, run_id, "stop_streams")
    assert (summary["requested"], summary["stopped"], summary["failed"]) == (count, count, 0)


def test_worker_killed(cluster: Cluster, simulator: ClusterSimulator, sizes: Sizes) -> None:
    streams = simulator.seed_streams(sizes.batch, "bot")
    call_sids = [stream["call_sid"] for stream in simulator.seed_streams(sizes.starts, "other")]
    # One start is processed, but its worker is killed before the response.
    start = {"method": "POST", "path_contains": f"{call_sids[0]}/Streams"}
    simulator.set_faults([{"match": start, "times": 1, "kind": "hang", "when": "after"}])
    starts = cluster.trigger("start_streams", {"call_sids": call_sids})
    wait_until(lambda: simulator.requests(f"{call_sids[0]}/Streams"), "the start was sent")
    batch = start_batch(cluster, streams)
    wait_until_stopped(simulator, 0.6)

    (first_start,) = (task for task in cluster.database.task_instances(starts, "running") if task.map_index == 0)
    (running_batch,) = cluster.database.task_instances(batch, "running")
    cluster.kill_worker(first_start)
    cluster.kill_worker(running_batch)

    assert_runs_succeeded(cluster, simulator, starts, batch)
    assert_batch_stopped(cluster, batch, sizes.batch)
    assert cluster.database.retries(batch) == 1
    assert cluster.database.retries(starts) == 1
    running = running_per_call(simulator)
    assert running == dict.fromkeys(call_sids, 2)  # one seeded, one started
    started = Counter(stream["call_sid"] for stream in simulator.streams())
    assert started[call_sids[0]] == 3  # the first try's stream was stopped
    assert all(started[call_sid] == 2 for call_sid in call_sids[1:])
    stops = len(simulator.requests("/Streams/")) - 1
    # The second try resumes at the last checkpoint, which is at most a second old.
    assert sizes.batch < stops < sizes.batch * 1.5


def test_triggerer_killed(cluster: Cluster, simulator: ClusterSimulator, sizes: Sizes) -> None:
    streams = simulator.seed_streams(sizes.sensors, "watched")
    simulator.set_faults([STILL_QUEUED])
    run = start_sensors(cluster, streams)

    cluster.processes.kill("triggerer")
    simulator.set_faults([])
    assert cluster.database.state_counts(run)["deferred"] == sizes.sensors
    cluster.start_component("triggerer")

    assert_runs_succeeded(cluster, simulator, run)
    assert simulator.running_count() == 0
    assert cluster.database.retries(run) == 0


def start_sensors(cluster: Cluster, streams: list[dict[str, str]]) -> str:
    """Start a sensor for each stream, wait until all are deferred, and return the run's id."""
    waits = [{**stream, "stream_sid": "watched"} for stream in streams]
    run = cluster.trigger("wait_for_streams", {"streams": waits})
    deferred = f"all {len(streams)} sensors are deferred"
    wait_until(lambda: cluster.database.state_counts(run)["deferred"] == len(streams), deferred)
    return run


def test_scheduler_killed(cluster: Cluster, simulator: ClusterSimulator, sizes: Sizes) -> None:
    streams = simulator.seed_streams(sizes.batch, "bot")
    call_sids = [stream["call_sid"] for stream in simulator.seed_streams(sizes.starts, "other")]
    batch = start_batch(cluster, streams)
    starts = cluster.trigger("start_streams", {"call_sids": call_sids})
    wait_until_stopped(simulator, 0.2)

    # A service manager or container runtime also kills the workers. If they kept running, they would keep the
    # scheduler's database connection open, with the locks of its last transaction.
    cluster.processes.kill_session("scheduler")
    cluster.start_component("scheduler")

    assert_runs_succeeded(cluster, simulator, batch, starts)
    assert_batch_stopped(cluster, batch, sizes.batch)
    assert running_per_call(simulator) == dict.fromkeys(call_sids, 2)


def test_signalwire_outage(cluster: Cluster, simulator: ClusterSimulator, proxy: OutageProxy, sizes: Sizes) -> None:
    watched = simulator.seed_streams(min(sizes.sensors, 20), "watched")
    streams = simulator.seed_streams(sizes.batch, "bot")
    simulator.set_faults([STILL_QUEUED])
    waiting = start_sensors(cluster, watched)
    batch = start_batch(cluster, streams)
    wait_until_stopped(simulator, 0.3)

    proxy.start_outage()
    time.sleep(sizes.outage_seconds)
    left_running = simulator.running_count()
    proxy.end_outage()
    simulator.set_faults([])

    assert_runs_succeeded(cluster, simulator, batch, waiting)
    assert left_running > 0
    assert simulator.running_count() == 0
    assert_batch_stopped(cluster, batch, sizes.batch)


def test_rate_limit_used_up_by_another_client(
    cluster: Cluster, simulator: ClusterSimulator, sizes: Sizes, services: Processes
) -> None:
    simulator.reset(rate_limit="2000/5")
    (other,) = simulator.seed_streams(1, "other")
    streams = simulator.seed_streams(sizes.batch, "bot")
    with running_load_client(simulator, services, other):
        batch = start_batch(cluster, streams, "stop_batch_fast")
        wait_until(lambda: statuses_except_of(other, simulator)[429] > 0, "the batch has reached the limit")
        time.sleep(sizes.outage_seconds)

    assert_runs_succeeded(cluster, simulator, batch)
    assert simulator.running_count() == 0
    assert_batch_stopped(cluster, batch, sizes.batch, "stop_batch_fast")


@contextlib.contextmanager
def running_load_client(simulator: ClusterSimulator, processes: Processes, stream: dict[str, str]) -> Iterator[None]:
    """Run another client, which uses up the rate limit."""
    account = f"{simulator.url}/api/laml/2010-04-01/Accounts/{simulator.project}"
    url = f"{account}/Calls/{stream['call_sid']}/Streams/{stream['stream_sid']}"
    script = CLUSTER_TESTS / "load_client.py"
    processes.start("load_client", sys.executable, script, url, simulator.project, simulator.token)
    try:
        yield
    finally:
        processes.kill("load_client")


def statuses_except_of(other: dict[str, str], simulator: ClusterSimulator) -> Counter[int]:
    """Count the statuses of the responses to stops, except those of one stream."""
    requests = simulator.requests("/Streams/")
    return Counter(request["status"] for request in requests if other["call_sid"] not in request["path"])
