"""Fixtures that run DAGs in a real Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from airflow_database import copy_migrated_database
from airflow_process import EXAMPLE_DAGS, DagRunner, airflow_environment

from airflow_provider_signalwire.simulator.server import SimulatorServer

MakeDagRunner = Callable[..., DagRunner]


@pytest.fixture(scope="session")
def make_dag_runner(
    tmp_path_factory: pytest.TempPathFactory, shared_simulator: SimulatorServer
) -> Iterator[MakeDagRunner]:
    """Return a function that starts a DAG runner with settings of Airflow, once for the same settings."""
    home = tmp_path_factory.mktemp("airflow")
    environment = airflow_environment(home, EXAMPLE_DAGS, shared_simulator)
    copy_migrated_database(home)
    runners: dict[str, DagRunner] = {}
    with ExitStack() as stack:

        def make(**settings: str) -> DagRunner:
            key = repr(sorted(settings.items()))
            if key not in runners:
                log = Path(home) / f"dag-runner-{len(runners)}.log"
                runners[key] = stack.enter_context(DagRunner({**environment, **settings}, log))
            return runners[key]

        yield make


@pytest.fixture
def dag_runner(make_dag_runner: MakeDagRunner) -> DagRunner:
    """A DAG runner with Airflow's default settings."""
    return make_dag_runner()
