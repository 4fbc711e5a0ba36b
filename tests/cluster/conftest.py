"""Airflow from processes that can be killed, for the tests in this folder only: ``make test-chaos test-celery``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from outage_proxy import OutageProxy
from processes import Processes
from report import Report
from simulator_process import SimulatorProcess

REPORT = pytest.StashKey[Report]()
CLUSTER_TESTS = Path(__file__).resolve().parent
PROJECT_DIR = CLUSTER_TESTS.parent.parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless it is asked for: it takes PostgreSQL, Redis, and minutes."""
    asked_for = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(CLUSTER_TESTS) for path in asked_for) else True


@pytest.fixture(scope="session")
def is_short() -> bool:
    """Whether to do less of everything."""
    return bool(os.environ.get("SHORT"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the databases and Airflow keep what they write; others than ourselves can enter it."""
    folder = Path(tempfile.mkdtemp(prefix="airflow-signalwire-cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def logs(request: pytest.FixtureRequest) -> Path:
    """Where the processes' output is kept after the end."""
    logs = PROJECT_DIR / ".build" / "cluster" / request.path.stem
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    return logs


@pytest.fixture(scope="module")
def services(logs: Path) -> Iterator[Processes]:
    """What outlives Airflow: the database, the queue, the simulator."""
    with Processes(logs) as processes:
        yield processes


@pytest.fixture(scope="module")
def started_simulator(services: Processes) -> SimulatorProcess:
    return SimulatorProcess(services)


@pytest.fixture
def simulator(started_simulator: SimulatorProcess) -> SimulatorProcess:
    """The simulator, in which nothing has happened yet."""
    started_simulator.reset()
    return started_simulator


@pytest.fixture(scope="module")
def proxy(started_simulator: SimulatorProcess) -> Iterator[OutageProxy]:
    """The way to the simulator."""
    with OutageProxy(started_simulator.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Takes what becomes the table of the documentation."""
    return pytestconfig.stash.setdefault(REPORT, Report())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    if REPORT in config.stash:
        terminalreporter.write_line(str(config.stash[REPORT]))
