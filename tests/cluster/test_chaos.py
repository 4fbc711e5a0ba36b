"""What becomes of streams and tasks when parts of Airflow, or SignalWire itself, go away in the middle of it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster import CLUSTER_TESTS, Cluster
from outage_proxy import OutageProxy
from processes import Processes, wait_until
from report import Report, further_tries
from services import start_postgres
from simulator_process import PROJECT, TOKEN, SimulatorProcess

END_SECONDS = 600  # what has not ended then never will

# What SignalWire answers about a stream that is slow to stop.
STILL_QUEUED = {
    "match": {"method": "POST", "path_contains": "/Streams/"},
    "times": None,
    "kind": "patch",
    "set": {"status": "queued"},
}


class Sizes(NamedTuple):
    """How much of everything."""

    batch: int
    starts: int
    sensors: int
    outage_seconds: int


@pytest.fixture(scope="module")
def sizes(is_short: bool) -> Sizes:
    if is_short:
        return Sizes(batch=2500, starts=6, sensors=15, outage_seconds=10)
    return Sizes(batch=5000, starts=20, sensors=200, outage_seconds=60)


@pytest.fixture(scope="module")
def started_cluster(services: Processes, proxy: OutageProxy, folder: Path, logs: Path) -> Iterator[Cluster]:
    home = folder / "airflow"
    home.mkdir()
    database = start_postgres(services, folder)
    with Processes(logs) as processes:
        cluster = Cluster(processes, home, database=database, signalwire_url=proxy.url, executor="LocalExecutor")
        cluster.start()
        yield cluster


@pytest.fixture
def cluster(started_cluster: Cluster) -> Cluster:
    """Airflow, with all its parts alive and nothing to do."""
    started_cluster.processes.check()
    assert started_cluster.database.unfinished() == []
    return started_cluster


def start_batch(cluster: Cluster, streams: list[dict[str, str]], dag_id: str = "stop_batch") -> str:
    file = cluster.folder / f"{time.monotonic_ns()}.jsonl"
    file.write_text("".join(json.dumps(stream) + "\n" for stream in streams))
    return cluster.trigger(dag_id, {"file": str(file)})


def wait_until_stopped(simulator: SimulatorProcess, share: float) -> None:
    """Wait until this share of the streams has stopped."""
    left = simulator.running() * (1 - share)
    wait_until(lambda: simulator.running() <= left, f"{share:.0%} of the streams have stopped", END_SECONDS)


def assert_all_is_well(cluster: Cluster, simulator: SimulatorProcess, *run_ids: str) -> None:
    """Wait for the end of the runs: every task has succeeded, and nothing is left behind in Airflow."""
    for run_id in run_ids:
        cluster.database.wait_for_end(run_id, END_SECONDS)
        assert set(cluster.database.states(run_id)) == {"success"}
    wait_until(lambda: cluster.database.triggers() == 0, "the triggerer has removed its triggers")
    assert cluster.database.unfinished() == []
    simulator.wait_for_accepted_stops()


def running_per_call(simulator: SimulatorProcess) -> Counter[str]:
    return Counter(stream["call_sid"] for stream in simulator.streams() if stream["status"] != "stopped")


def assert_batch_stopped(cluster: Cluster, run_id: str, count: int, dag_id: str = "stop_batch") -> None:
    summary = cluster.xcom(dag_id, run_id, "stop_streams")
    assert (summary["requested"], summary["stopped"], summary["failed"]) == (count, count, 0)


def test_worker_killed(cluster: Cluster, simulator: SimulatorProcess, sizes: Sizes, report: Report) -> None:
    streams = simulator.seed(sizes.batch, "bot")
    call_sids = [stream["call_sid"] for stream in simulator.seed(sizes.starts, "other")]
    # One start is processed, and its answer does not come: the worker dies between the two.
    start = {"method": "POST", "path_contains": f"{call_sids[0]}/Streams"}
    simulator.set_faults({"match": start, "times": 1, "kind": "hang", "when": "after"})
    starts = cluster.trigger("start_streams", {"call_sids": call_sids})
    wait_until(lambda: simulator.requests(f"{call_sids[0]}/Streams"), "the start was sent", END_SECONDS)
    batch = start_batch(cluster, streams)
    wait_until_stopped(simulator, 0.6)

    (first_start,) = (task for task in cluster.database.task_instances(starts, "running") if task.map_index == 0)
    (batch_of_stops,) = cluster.database.task_instances(batch, "running")
    cluster.kill_worker(first_start)
    cluster.kill_worker(batch_of_stops)
    killed_at = time.monotonic()

    assert_all_is_well(cluster, simulator, starts, batch)
    assert_batch_stopped(cluster, batch, sizes.batch)
    assert cluster.database.tries(batch) == 1
    assert cluster.database.tries(starts) == 1
    running = running_per_call(simulator)
    assert running == dict.fromkeys(call_sids, 2)  # the stream that was there, and the one that was started
    started = Counter(stream["call_sid"] for stream in simulator.streams())
    assert started[call_sids[0]] == 3  # that of the first try has stopped
    assert all(started[call_sid] == 2 for call_sid in call_sids[1:])
    stops = len(simulator.requests("/Streams/")) - 1
    # The second try continues where the first one was at most a second before its end.
    assert sizes.batch < stops < sizes.batch * 1.5
    report.add(
        f"The workers of a batch of {sizes.batch:,} and of a start, `kill -9`",
        f"One retry each. The batch's second try repeated {stops - sizes.batch:,} stops. One stream runs on each "
        "call; that of the start whose response was never read was stopped and replaced.",
        killed_at,
    )


def test_triggerer_killed(cluster: Cluster, simulator: SimulatorProcess, sizes: Sizes, report: Report) -> None:
    streams = simulator.seed(sizes.sensors, "watched")
    simulator.set_faults(STILL_QUEUED)
    run = start_waiting(cluster, streams)

    cluster.processes.kill("triggerer")
    killed_at = time.monotonic()
    simulator.set_faults()
    assert cluster.database.states(run)["deferred"] == sizes.sensors
    cluster.start_component("triggerer")

    assert_all_is_well(cluster, simulator, run)
    assert simulator.running() == 0
    assert cluster.database.tries(run) == 0
    report.add(
        f"The triggerer with {sizes.sensors} sensors deferred, `kill -9`, and started again",
        "Every sensor continued; none needed a retry.",
        killed_at,
    )


def start_waiting(cluster: Cluster, streams: list[dict[str, str]]) -> str:
    """Start a sensor for each stream, and return the run when all are deferred."""
    waits = [{**stream, "stream_sid": "watched"} for stream in streams]
    run = cluster.trigger("wait_for_streams", {"streams": waits})
    deferred = f"all {len(streams)} sensors are deferred"
    wait_until(lambda: cluster.database.states(run)["deferred"] == len(streams), deferred, END_SECONDS)
    return run


def test_scheduler_killed(cluster: Cluster, simulator: SimulatorProcess, sizes: Sizes, report: Report) -> None:
    streams = simulator.seed(sizes.batch, "bot")
    call_sids = [stream["call_sid"] for stream in simulator.seed(sizes.starts, "other")]
    batch = start_batch(cluster, streams)
    starts = cluster.trigger("start_streams", {"call_sids": call_sids})
    wait_until_stopped(simulator, 0.2)

    # With its workers, as a service manager or the end of a container does it. Its workers alone would keep its
    # connection to the database open, and by it the locks of a transaction that nobody ends.
    cluster.processes.kill_session("scheduler")
    killed_at = time.monotonic()
    cluster.start_component("scheduler")

    assert_all_is_well(cluster, simulator, batch, starts)
    assert_batch_stopped(cluster, batch, sizes.batch)
    assert running_per_call(simulator) == dict.fromkeys(call_sids, 2)
    tries = cluster.database.tries(batch) + cluster.database.tries(starts)
    report.add(
        f"The scheduler and all its workers, during a batch of {sizes.batch:,} and {sizes.starts} starts, `kill -9`; "
        "started again",
        f"{tries} of the tasks were tried again. One stream runs on each call.",
        killed_at,
    )


def test_signalwire_away(
    cluster: Cluster, simulator: SimulatorProcess, proxy: OutageProxy, sizes: Sizes, report: Report
) -> None:
    watched = simulator.seed(min(sizes.sensors, 20), "watched")
    streams = simulator.seed(sizes.batch, "bot")
    simulator.set_faults(STILL_QUEUED)
    waiting = start_waiting(cluster, watched)
    batch = start_batch(cluster, streams)
    wait_until_stopped(simulator, 0.3)

    proxy.shut()
    time.sleep(sizes.outage_seconds)  # the one thing that is waited for here is time
    left_running = simulator.running()
    proxy.open()
    opened_at = time.monotonic()
    simulator.set_faults()

    assert_all_is_well(cluster, simulator, batch, waiting)
    assert left_running > 0
    assert simulator.running() == 0
    assert_batch_stopped(cluster, batch, sizes.batch)
    report.add(
        f"SignalWire outage of {sizes.outage_seconds} s, with a batch of {sizes.batch:,} under way and {len(watched)} "
        "sensors deferred",
        f"The batch took {further_tries(cluster.database.tries(batch))}, the sensors "
        f"{further_tries(cluster.database.tries(waiting))} in all.",
        opened_at,
    )


def test_rate_limit_filled_by_others(
    cluster: Cluster, simulator: SimulatorProcess, sizes: Sizes, services: Processes, report: Report
) -> None:
    simulator.reset(rate_limit="2000/5")
    (other,) = simulator.seed(1, "other")
    streams = simulator.seed(sizes.batch, "bot")
    began_at = time.monotonic()
    with load_client(simulator, services, other):
        batch = start_batch(cluster, streams, "stop_batch_fast")
        met_limit = "the batch has met the limit"
        wait_until(lambda: statuses_but_of(other, simulator)[429] > 0, met_limit, END_SECONDS)
        time.sleep(sizes.outage_seconds)

    assert_all_is_well(cluster, simulator, batch)
    assert simulator.running() == 0
    assert_batch_stopped(cluster, batch, sizes.batch, "stop_batch_fast")
    refused = statuses_but_of(other, simulator)[429]
    report.add(
        f"The rate limit, 2,000 in 5 s, used up by another client for {sizes.outage_seconds} s and more, during "
        f"a batch of {sizes.batch:,}",
        f"{refused:,} responses with 429 for the batch, which took {further_tries(cluster.database.tries(batch))}.",
        began_at,
    )


@contextlib.contextmanager
def load_client(simulator: SimulatorProcess, processes: Processes, stream: dict[str, str]) -> Iterator[None]:
    """Let another client use up the limit."""
    path = f"Accounts/{PROJECT}/Calls/{stream['call_sid']}/Streams/{stream['stream_sid']}"
    url = f"{simulator.url}/api/laml/2010-04-01/{path}"
    processes.start("load_client", sys.executable, CLUSTER_TESTS / "load_client.py", url, PROJECT, TOKEN)
    try:
        yield
    finally:
        processes.kill("load_client")


def statuses_but_of(other: dict[str, str], simulator: SimulatorProcess) -> Counter[int]:
    """Return how often each status was returned for a stop, except for those of one stream."""
    requests = simulator.requests("/Streams/")
    return Counter(request["status"] for request in requests if other["call_sid"] not in request["path"])
