"""A running simulator, connections to it, and a new AIRFLOW_HOME for the test run."""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.config.settings import ClientSettings
    from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
    from airflow_provider_signalwire.simulator.server import SimulatorServer

# Airflow reads its configuration when it is first imported, so this has to come before.
os.environ.update(
    {
        "AIRFLOW_HOME": tempfile.mkdtemp(prefix="airflow-signalwire-tests-"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent.parent / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }
)

MakeConnection = Callable[..., str]

# What imports Airflow is imported by the fixtures, because the main process of pytest-xdist does without.

atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


# Their tests take longest, so they begin first.
FIRST_FOLDERS = ("tests/integration/", "tests/processes/", "tests/e2e/", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def position(item: pytest.Item) -> int:
        return next((n for n, folder in enumerate(FIRST_FOLDERS) if item.nodeid.startswith(folder)), len(FIRST_FOLDERS))

    items.sort(key=position)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist has it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one worker run all DAGs, because each one first builds Airflow's API, in 5 seconds of CPU time."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return FIRST_FOLDERS[0] if file.startswith(FIRST_FOLDERS[0]) else file

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and not what is imported by now: with Airflow, it would take a tenth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """The path of Airflow's database, migrated."""
    from airflow_database import copy_migrated_database

    return copy_migrated_database(Path(os.environ["AIRFLOW_HOME"]))


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[SimulatorServer]:
    from airflow_provider_signalwire.simulator.server import SimulatorServer

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
    from airflow_provider_signalwire.client.config.settings import ClientSettings

    return ClientSettings(
        origin=simulator.url,
        project_id=simulator.project,
        api_token=simulator.token,
        timeout=10,
        max_retry_seconds=5,
    )


@pytest.fixture
def client(settings: ClientSettings) -> Iterator[SignalWireClient]:
    from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient

    with SignalWireClient(settings) as client:
        yield client
