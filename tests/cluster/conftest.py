"""Fixtures for tests that kill components of Airflow, such as ``make test-chaos``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster
from cluster_simulator import ClusterSimulator
from outage_proxy import OutageProxy
from processes import Processes
from services import start_postgres

PROJECT_DIR = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def is_short() -> bool:
    """Whether to use fewer streams and shorter outages."""
    return bool(os.environ.get("SHORT"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A temporary folder for Airflow and the databases, readable for other users."""
    folder = Path(tempfile.mkdtemp(prefix="airflow-signalwire-cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def logs(request: pytest.FixtureRequest) -> Path:
    """The folder that keeps the processes' output after the tests."""
    logs = PROJECT_DIR / ".build" / "cluster" / request.path.stem
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    return logs


@pytest.fixture(scope="module")
def services(logs: Path) -> Iterator[Processes]:
    """The processes that stop after Airflow, such as databases."""
    with Processes(logs) as processes:
        yield processes


@pytest.fixture(scope="module")
def started_simulator() -> Iterator[ClusterSimulator]:
    with ClusterSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(started_simulator: ClusterSimulator) -> ClusterSimulator:
    """The simulator, reset."""
    started_simulator.reset()
    return started_simulator


@pytest.fixture(scope="module")
def proxy(started_simulator: ClusterSimulator) -> Iterator[OutageProxy]:
    """The proxy between Airflow and the simulator."""
    proxy = OutageProxy(started_simulator.url)
    yield proxy
    proxy.start_outage()


@pytest.fixture(scope="module")
def postgres(services: Processes, folder: Path) -> str:
    """The address of an empty database."""
    return start_postgres(services, folder)


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    """Arguments of ``Cluster`` that a test module overrides."""
    return {}


@pytest.fixture(scope="module")
def started_cluster(
    started_simulator: ClusterSimulator,
    proxy: OutageProxy,
    postgres: str,
    folder: Path,
    logs: Path,
    cluster_options: dict[str, Any],
) -> Iterator[Cluster]:
    connection = {
        "conn_type": "signalwire",
        "host": proxy.url,
        "login": started_simulator.project,
        "password": started_simulator.token,
        "extra": {"timeout": 120},  # longer than a test keeps a request hanging
    }
    with Processes(logs) as processes:
        cluster = Cluster(processes, folder / "airflow", database=postgres, connection=connection, **cluster_options)
        cluster.start()
        yield cluster


@pytest.fixture
def cluster(started_cluster: Cluster) -> Cluster:
    """Airflow with all components running and no unfinished runs."""
    started_cluster.processes.assert_running()
    assert started_cluster.database.unfinished() == []
    return started_cluster
