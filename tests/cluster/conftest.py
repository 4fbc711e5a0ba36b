"""Fixtures for tests that kill components of Airflow, such as ``make test-chaos``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from outage_proxy import OutageProxy
from processes import Processes
from report import Report
from simulator_process import SimulatorProcess

if TYPE_CHECKING:
    from cluster import Cluster

# pytest loads this file for other tests, too, in environments without psycopg2. Fixtures import what needs it.
REPORT = pytest.StashKey[Report]()
CLUSTER_TESTS = Path(__file__).resolve().parent
PROJECT_DIR = CLUSTER_TESTS.parent.parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect this folder only if it is named on the command line: it needs PostgreSQL, Redis, and minutes."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(CLUSTER_TESTS) for path in named) else True


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
    """The processes that stop after Airflow: databases and the simulator."""
    with Processes(logs) as processes:
        yield processes


@pytest.fixture(scope="module")
def started_simulator(services: Processes) -> SimulatorProcess:
    return SimulatorProcess(services)


@pytest.fixture
def simulator(started_simulator: SimulatorProcess) -> SimulatorProcess:
    """The simulator, reset."""
    started_simulator.reset()
    return started_simulator


@pytest.fixture(scope="module")
def proxy(started_simulator: SimulatorProcess) -> Iterator[OutageProxy]:
    """The proxy between Airflow and the simulator."""
    with OutageProxy(started_simulator.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def postgres(services: Processes, folder: Path) -> str:
    """The address of an empty database."""
    from services import start_postgres

    return start_postgres(services, folder)


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    """Arguments of ``Cluster`` that a test module overrides."""
    return {}


@pytest.fixture(scope="module")
def started_cluster(
    proxy: OutageProxy, postgres: str, folder: Path, logs: Path, cluster_options: dict[str, Any]
) -> Iterator[Cluster]:
    from cluster import Cluster

    home = folder / "airflow"
    home.mkdir()
    with Processes(logs) as processes:
        cluster = Cluster(processes, home, database=postgres, signalwire_url=proxy.url, **cluster_options)
        cluster.start()
        yield cluster


@pytest.fixture
def cluster(started_cluster: Cluster) -> Cluster:
    """Airflow with all components running and no unfinished runs."""
    started_cluster.processes.assert_running()
    assert started_cluster.database.unfinished() == []
    return started_cluster


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """The table that is printed after the tests."""
    return pytestconfig.stash.setdefault(REPORT, Report())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the report."""
    if REPORT in config.stash:
        terminalreporter.write_line(str(config.stash[REPORT]))
