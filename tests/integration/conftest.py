"""Real Airflow on a new database: ``dag.test()`` runs the example DAGs and those in ``dags/``."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from airflow_provider_signalwire import journal_intents
from airflow_provider_signalwire.journal import StreamEvent, to_extra
from airflow_provider_signalwire.simulator.compatibility import endpoints
from airflow_provider_signalwire.simulator.server import SimulatorServer

# As in any deployment: without a key, Airflow keeps connections and Variables in clear.
os.environ.setdefault("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

DAGS = Path(__file__).parent / "dags"
EXAMPLE_DAGS = Path(__file__).parent.parent.parent / "example_dags"


@dataclass(frozen=True)
class Run:
    """A finished DAG run, as the database has it; mapped tasks are keyed by task and map index.

    :param tasks: each task's state and the number of its last try
    :param results: what each task returned
    :param xcom_keys: the XCom keys of each task
    """

    state: str
    tasks: dict[str, tuple[str, int]]
    results: dict[str, Any]
    xcom_keys: dict[str, list[str]]


RunDag = Callable[..., Run]


@pytest.fixture(scope="session")
def dag_bags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Each DAG by its id, and a folder with nothing but its file: ``dag.test()`` parses and stores the whole folder."""
    found = {}
    for file in [*DAGS.glob("*.py"), *EXAMPLE_DAGS.glob("*.py")]:
        folder = tmp_path_factory.mktemp(file.stem)
        shutil.copy(file, folder)
        bag = DagBag(dag_folder=folder)
        # On older versions of Airflow, there is no approval (3.1), no journal (3.2) or no retry policy (3.3).
        missing = ("needs Airflow 3.", "No module named 'airflow.providers.standard'")
        assert all(any(map(error.__contains__, missing)) for error in bag.import_errors.values()), bag.import_errors
        found |= {dag_id: (folder, dag) for dag_id, dag in bag.dags.items()}
    return found


@pytest.fixture(scope="session")
def stored_folders() -> set[Path]:
    """The folders whose DAGs are in the database."""
    return set()


@pytest.fixture
def run_dag(
    airflow_database: Path,
    dag_bags: dict[str, tuple[Path, Any]],
    stored_folders: set[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> RunDag:
    """Run a DAG to its end with these params."""

    def run(dag_id: str, **params: Any) -> Run:
        folder, dag = dag_bags[dag_id]
        bundle = {
            "name": folder.name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
        # dag.test() would parse and store all DAGs of the bundle each time, which takes longer than many a run.
        bundles = [] if folder in stored_folders else [bundle]
        stored_folders.add(folder)
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
        dag_run = dag.test(run_conf=params)
        return _read_back(airflow_database, dag_run.dag_id, dag_run.run_id)

    return run


@pytest.fixture
def database(airflow_database: Path) -> Iterator[Callable[..., list[Any]]]:
    """Run a statement in Airflow's database, which has no asset events."""

    def execute(statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(airflow_database, timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    _clear(execute, "asset_event", "asset_state_store")
    yield execute
    _clear(execute, "asset_event", "asset_state_store")


@pytest.fixture
def intent_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a journal have 2 entries for starts.

    A cleanup reads every entry, each with a request to Airflow's API: with 64, nothing else would take so long.
    """
    monkeypatch.setattr(journal_intents, "_ENTRIES", 2)


Start = Callable[..., tuple[list[str], str]]


@pytest.fixture
def start(simulator: SimulatorServer, database: Any) -> Start:
    """Start streams, and write the rows of the DAG run that would have done it; return their SIDs and the run's id."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    def run(
        count: int = 1, *, state: str = "success", name: str = "bot", hours: float = 0, outlives: bool = False
    ) -> tuple[list[str], str]:
        now, run_id, sids = datetime.now(UTC), f"run-{uuid4()}", []
        owner = {"source_dag_id": "journal_start", "source_run_id": run_id, "source_task_id": "start"}
        with create_session() as session:
            asset = session.query(AssetModel).filter_by(name="streams").one_or_none() or AssetModel("streams")
            session.add(asset)
            session.flush()
            run = {"run_type": DagRunType.MANUAL, "run_after": now, "state": state}
            session.add(DagRun(dag_id="journal_start", run_id=run_id, **run))
            for index, call in enumerate(simulator.seed(count=count, age_seconds=3600)):
                form = {"Url": "wss://bot.example.com/", "Name": name}
                sids.append(endpoints.start_stream(simulator.state, simulator.project, call["sid"], form)["sid"])
                ids = (simulator.project, call["sid"], sids[-1], name)
                extra = to_extra([StreamEvent("started", *ids, now - timedelta(hours=hours), outlives)])
                session.add(AssetEvent(asset_id=asset.id, extra=extra, timestamp=now, source_map_index=index, **owner))
        return sids, run_id

    return run


@pytest.fixture
def start_by_dag(run_dag: Any, simulator: SimulatorServer, database: Any) -> Start:
    """Start streams by a DAG run, whose state is then this one; return their SIDs and the run's id."""

    def run(count: int = 1, *, state: str = "success", name: str = "bot", outlives: bool = False) -> Any:
        dag_id = "journal_start_outliving" if outlives else "journal_start"
        calls = [call["sid"] for call in simulator.seed(count=count, age_seconds=3600)]
        results = run_dag(dag_id, call_sids=calls, name=name).results
        [[run_id]] = database("SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", dag_id)
        database("UPDATE dag_run SET state = ? WHERE run_id = ?", state, run_id)
        return [results[f"start.{index}"]["sid"] for index in range(count)], run_id

    return run


def _clear(database: Callable[..., list[Any]], *tables: str) -> None:
    """Delete all rows; tables of a newer Airflow are skipped."""
    for table in tables:
        if database("SELECT 1 FROM sqlite_master WHERE name = ?", table):
            database(f"DELETE FROM {table}")


def _read_back(database: Path, dag_id: str, run_id: str) -> Run:
    """Read a finished run from the database, because Airflow's objects may be out of date."""

    def rows(table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE dag_id = ? AND run_id = ?"
        return connection.execute(query, (dag_id, run_id)).fetchall()

    def key(task_id: str, map_index: int) -> str:
        return task_id if map_index < 0 else f"{task_id}.{map_index}"

    with closing(sqlite3.connect(database)) as connection:
        [(state,)] = rows("dag_run", "state")
        tasks = {
            key(task_id, map_index): (state, try_number)
            for task_id, map_index, state, try_number in rows("task_instance", "task_id, map_index, state, try_number")
        }
        results = {
            key(task_id, map_index): json.loads(value)
            for task_id, map_index, name, value in rows("xcom", "task_id, map_index, key, value")
            if name == "return_value"
        }
        xcom_keys: dict[str, list[str]] = {}
        for task_id, map_index, name in rows("xcom", "task_id, map_index, key"):
            xcom_keys.setdefault(key(task_id, map_index), []).append(name)
    return Run(state, tasks, results, xcom_keys)
