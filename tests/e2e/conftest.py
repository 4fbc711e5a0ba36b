"""Fixtures that run DAGs in a real Airflow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airflow_database import copy_migrated_database
from airflow_process import EXAMPLE_DAGS, DagRunner, airflow_environment

from airflow_provider_signalwire.simulator.server import SimulatorServer


@pytest.fixture(scope="session")
def dag_runner(tmp_path_factory: pytest.TempPathFactory, shared_simulator: SimulatorServer) -> Iterator[DagRunner]:
    """A process with Airflow that has a connection to the simulator."""
    home = tmp_path_factory.mktemp("airflow")
    copy_migrated_database(home)
    with DagRunner(airflow_environment(home, EXAMPLE_DAGS, shared_simulator), home / "dag-runner.log") as runner:
        yield runner
