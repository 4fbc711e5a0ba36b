"""A batch split across three workers under one rate limit; one worker is killed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from cluster import AIRFLOW, CLUSTER_TESTS, Cluster
from cluster_simulator import ClusterSimulator
from processes import Processes, wait_until
from services import start_redis

WORKERS = ("worker-1", "worker-2", "worker-3")

# Each shard of the DAG sends 8 requests a second. Four at a time send 32, below the limit of 40. The workers could run
# all 12 shards at once: without the pool, many requests would be refused with 429.
SLOTS = 4
LIMIT = "200/5"


@pytest.fixture(scope="module")
def cluster_options(services: Processes, postgres: str) -> dict[str, Any]:
    settings = {
        "AIRFLOW__CELERY__BROKER_URL": start_redis(services),
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{postgres}",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "worker_name.hostname",
        "PYTHONPATH": str(CLUSTER_TESTS),
    }
    return {"executor": "CeleryExecutor", "components": ("scheduler", "dag-processor"), "settings": settings}


@pytest.fixture(scope="module")
def started_cluster(started_cluster: Cluster) -> Cluster:
    """Airflow with three workers and a pool for SignalWire."""
    start_workers(started_cluster)
    started_cluster.call_api("POST", "pools", {"name": "signalwire", "slots": SLOTS})
    return started_cluster


def start_workers(cluster: Cluster) -> None:
    for name in WORKERS:
        options = ("--celery-hostname", f"{name}@%h", "--concurrency", "4", "--skip-serve-logs")
        cluster.start_process(name, *AIRFLOW, "celery", "worker", *options, CLUSTER_HOSTNAME=name)
    logs = [cluster.processes.log(name) for name in WORKERS]
    wait_until(lambda: all(" ready." in log.read_text() for log in logs), "the workers are ready")


def test_worker_killed(cluster: Cluster, simulator: ClusterSimulator, is_short: bool) -> None:
    count = 1000 if is_short else 2000
    simulator.reset(rate_limit=LIMIT)
    streams = simulator.seed_streams(count, "bot")
    run_id = cluster.trigger("stop_sharded_streams", {"streams": streams})
    wait_until(lambda: simulator.running_count() < count * 0.7, "30% of the streams have stopped")

    running = Counter(task.hostname for task in cluster.database.task_instances(run_id, "running"))
    ((victim, lost),) = running.most_common(1)
    cluster.processes.kill_session(victim)

    cluster.assert_runs_succeeded(run_id)
    simulator.wait_for_accepted_stops()
    assert simulator.running_count() == 0
    assert stopped_by_shards(cluster, run_id) == count
    assert cluster.database.retries(run_id) >= lost > 0
    assert {task.hostname for task in cluster.database.task_instances(run_id)} | {victim} == set(WORKERS)
    refused = sum(request["status"] == 429 for request in simulator.requests("/Streams/"))
    assert refused <= count / 100


def stopped_by_shards(cluster: Cluster, run_id: str) -> int:
    """Return the number of stopped streams in the summaries of the shards."""
    shards = [task for task in cluster.database.task_instances(run_id) if task.task_id == "stop_shard"]
    summaries = [cluster.xcom("stop_sharded_streams", run_id, "stop_shard", shard.map_index) for shard in shards]
    return sum(summary["stopped"] for summary in summaries)
