"""Fixtures of all tests: a running simulator, connections to it, and Airflow's database."""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Airflow adds filters for warnings: they would come before those of pyproject.toml, which turn some into errors.
with warnings.catch_warnings():
    importlib.import_module("airflow.configuration")  # its filters end with the block

from airflow_database import copy_migrated_database

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.simulator.server import SimulatorServer

MakeConnection = Callable[..., str]


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
