"""Real Airflow gives a task the state that the matrix has: a sample, run by ``dag.test()``."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fault_model import Outcome, expected
from fault_scenarios import CASES

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

DAGS = Path(__file__).parent / "dags"
SAMPLE = [case for case in CASES if (case.fault.name, case.position) in {("401", "always"), ("500", "always")}]

RunTask = Callable[..., tuple[str, int]]


@pytest.fixture(scope="module")
def run_task() -> RunTask:
    """Run a DAG's only task; return its state and the number of its last try, as Airflow's database has them."""
    from airflow import settings
    from airflow.utils import db

    db.initdb()
    bag = DagBag(dag_folder=DAGS)
    assert bag.import_errors == {}

    def run(dag_id: str, params: dict[str, Any]) -> tuple[str, int]:
        dag_run = bag.dags[dag_id].test(run_conf=params)
        with closing(sqlite3.connect(settings.engine.url.database)) as connection:
            query = "SELECT state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?"
            [end] = connection.execute(query, (dag_id, dag_run.run_id))
        return end

    return run


@pytest.fixture
def dags_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Airflow look for DAGs here: ``dag.test()`` stores those it finds."""
    bundle = {
        "name": "faults",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAGS)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))


def end_in_airflow(outcome: Outcome) -> tuple[str, int]:
    """Return the end of a task whose second try meets the same fault as its first."""
    return ("failed", 2) if outcome.state == "up_for_retry" else (outcome.state, 1)


@pytest.mark.usefixtures("no_pauses", "dags_folder")
@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_task_ends_in_airflow_as_in_matrix(case, environments, run_task):
    with environments[0].prepared_for(case) as seeded:
        end = run_task(re.sub(r"\W+", "_", case.scenario.name), seeded._asdict())

    assert end == end_in_airflow(expected(case))
