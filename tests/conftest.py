"""A running simulator, connections to it, and a new AIRFLOW_HOME for the test run."""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Airflow reads its configuration when it is first imported, so this has to come before.
os.environ.update(
    {
        "AIRFLOW_HOME": tempfile.mkdtemp(prefix="airflow-signalwire-tests-"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent.parent / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }
)

# Airflow adds filters for warnings: they would come before those of pyproject.toml, which turn some into errors.
with warnings.catch_warnings():
    import airflow.configuration  # noqa: F401  # its filters end with the block

from airflow_database import copy_migrated_database

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.simulator.server import SimulatorServer

MakeConnection = Callable[..., str]

atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


# The same examples in every run, so that a test fails for a change of the code and for nothing else. How long one takes
# says more about the machine than about the code.
hypothesis.settings.register_profile(
    "reproducible", derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("reproducible")


# What takes longest begins first.
FIRST = ("tests/integration/", "tests/processes/", "tests/e2e/", "tests/faults/")
# Two workers run all DAGs, because each worker that does first builds Airflow's API, in 5 seconds of CPU time.
GROUPS = {
    "tests/integration/test_secrets.py": "DAG runs 2",
    "tests/e2e/test_example_dags.py": "DAG runs 2",
    "tests/integration/": "DAG runs 1",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let the same worker run all tests of a file or group."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return next((group for path, group in GROUPS.items() if file.startswith(path)), file)

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and not what is imported by now: with Airflow, it would take a tenth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """The path of Airflow's database, migrated."""
    return copy_migrated_database(Path(os.environ["AIRFLOW_HOME"]))


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(answer_delay_ms=0, stop_delay_ms=0) as server:
        yield server


@pytest.fixture
def simulator(shared_simulator: SimulatorServer) -> SimulatorServer:
    """An empty simulator in which calls are answered and streams are stopped without delay."""
    shared_simulator.reset(answer_delay_ms=0, stop_delay_ms=0, latency_ms=0, rate_limit=None)
    return shared_simulator


@pytest.fixture
def make_connection(simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> MakeConnection:
    """Make an Airflow connection to the simulator; keyword arguments replace its fields."""

    def make(conn_id: str = "signalwire_default", *, extra: dict[str, Any] | None = None, **fields: Any) -> str:
        connection = {
            "conn_type": "signalwire",
            "host": simulator.url,
            "login": simulator.project,
            "password": simulator.token,
            "extra": {"timeout": 10, "max_retry_seconds": 5, **(extra or {})},
            **fields,
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    return make


@pytest.fixture
def connection(make_connection: MakeConnection) -> str:
    """The default connection, to the simulator."""
    return make_connection()


@pytest.fixture
def settings(simulator: SimulatorServer) -> ClientSettings:
    return ClientSettings(
        origin=simulator.url,
        project_id=simulator.project,
        api_token=simulator.token,
        timeout=10,
        max_retry_seconds=5,
    )


@pytest.fixture
def client(settings: ClientSettings) -> Iterator[SignalWireClient]:
    with SignalWireClient(settings) as client:
        yield client
