"""A batch in shards on three machines, under one rate limit; one of the machines is lost."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import AIRFLOW, CLUSTER_TESTS, Cluster
from outage_proxy import OutageProxy
from processes import Processes, wait_until
from report import Report, further_tries
from services import start_postgres, start_redis
from simulator_process import SimulatorProcess

END_SECONDS = 600  # what has not ended then never will
WORKERS = ("worker-1", "worker-2", "worker-3")

# Four shards at a time, of 8 requests a second each as the DAG says, are 32: four fifths of the limit. The workers have
# places for all twelve, which would be 96: without the pool there would be many answers of 429.
SLOTS = 4
LIMIT = 200
LIMIT_SECONDS = 5


@pytest.fixture(scope="module")
def cluster(services: Processes, proxy: OutageProxy, folder: Path, logs: Path) -> Iterator[Cluster]:
    """Airflow with three workers, each with another host name, and a pool for SignalWire."""
    home = folder / "airflow"
    home.mkdir()
    database = start_postgres(services, folder)
    settings = {
        "AIRFLOW__CELERY__BROKER_URL": start_redis(services),
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "worker_name.hostname",
        "PYTHONPATH": str(CLUSTER_TESTS),
    }
    with Processes(logs) as processes:
        cluster = Cluster(
            processes,
            home,
            database=database,
            signalwire_url=proxy.url,
            executor="CeleryExecutor",
            components=("scheduler", "dag-processor"),
            settings=settings,
        )
        cluster.start()
        start_workers(cluster)
        cluster.call_api("POST", "pools", {"name": "signalwire", "slots": SLOTS})
        yield cluster


def start_workers(cluster: Cluster) -> None:
    for name in WORKERS:
        options = ("--celery-hostname", f"{name}@%h", "--concurrency", "4", "--skip-serve-logs")
        cluster.processes.start(
            name,
            *(*AIRFLOW, "celery", "worker", *options),
            environment={**cluster.environment, "CLUSTER_HOSTNAME": name},
            folder=cluster.folder,
        )
    logs = [cluster.processes.log(name) for name in WORKERS]
    wait_until(lambda: all(" ready." in log.read_text() for log in logs), "the workers are ready", 180)


def test_a_worker_of_three_killed(
    cluster: Cluster, simulator: SimulatorProcess, is_short: bool, report: Report
) -> None:
    count = 1000 if is_short else 2000
    simulator.reset(rate_limit=f"{LIMIT}/{LIMIT_SECONDS}")
    streams = simulator.seed(count, "bot")
    run_id = cluster.trigger("stop_sharded_streams", {"streams": streams})
    wait_until(lambda: simulator.running() < count * 0.7, "a part of the streams has stopped", END_SECONDS)

    running = Counter(task.hostname for task in cluster.database.task_instances(run_id, "running"))
    ((victim, lost),) = running.most_common(1)
    cluster.processes.kill_session(victim)
    killed_at = time.monotonic()

    cluster.database.wait_for_end(run_id, END_SECONDS)
    assert set(cluster.database.states(run_id)) == {"success"}
    assert cluster.database.unfinished() == []
    simulator.wait_for_accepted_stops()
    assert simulator.running() == 0
    assert shards_stopped(cluster, run_id) == count
    assert cluster.database.tries(run_id) >= lost > 0
    assert {task.hostname for task in cluster.database.task_instances(run_id)} | {victim} == set(WORKERS)
    stops = simulator.requests("/Streams/")
    refused = sum(request["status"] == 429 for request in stops)
    assert refused <= count / 100
    busiest = busiest_stretch(stops)
    report.add(
        f"One of three workers, with {lost} of the shards of {count:,} streams, `kill -9`",
        f"{further_tries(cluster.database.tries(run_id)).capitalize()}, on the other two. {len(stops):,} requests, "
        f"at most {busiest:,} in {LIMIT_SECONDS} s where {LIMIT:,} are allowed, {refused} answers of 429. "
        f"{count:,} streams in {stops[-1]['timestamp'] - stops[0]['timestamp']:.0f} s.",
        killed_at,
    )


def shards_stopped(cluster: Cluster, run_id: str) -> int:
    """How many streams the shards say to have stopped."""
    shards = [task for task in cluster.database.task_instances(run_id) if task.task_id == "stop_shard"]
    summaries = [cluster.xcom("stop_sharded_streams", run_id, "stop_shard", shard.map_index) for shard in shards]
    return sum(summary["stopped"] for summary in summaries)


def busiest_stretch(requests: list[dict[str, Any]]) -> int:
    """The most requests that there were within the time that the limit is about."""
    window: deque[float] = deque()
    most = 0
    for request in requests:
        window.append(request["timestamp"])
        while window[0] < request["timestamp"] - LIMIT_SECONDS:
            window.popleft()
        most = max(most, len(window))
    return most
