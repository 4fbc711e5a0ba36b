"""Airflow as in production: components in separate processes, and PostgreSQL."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from database import Database, TaskInstance
from local_airflow import AirflowApi, LocalAirflow, free_port
from processes import Processes, wait_until

CLUSTER_TESTS = Path(__file__).resolve().parent
DAGS = CLUSTER_TESTS / "dags"
AIRFLOW = (sys.executable, "-m", "airflow")

# By default, Airflow takes minutes to detect a failure. These settings still tolerate a busy machine.
FAST_DETECTION = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}

# The API server may respond slowly, because all components share the machine.
SLOW_API_SERVER = {
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
}

COMPONENTS = {
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class Cluster(AirflowApi):
    """Airflow with components that can be killed and restarted.

    :param processes: Starts the components.
    :param folder: AIRFLOW_HOME.
    :param database: Address of an empty PostgreSQL database.
    :param connection: The default connection.
    :param executor: Airflow's executor.
    :param components: Components besides the API server.
    :param settings: More environment variables.
    """

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        *,
        database: str,
        connection: Mapping[str, Any],
        executor: str = "LocalExecutor",
        components: Iterable[str] = tuple(COMPONENTS),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        port = free_port()
        super().__init__(f"http://127.0.0.1:{port}")
        self.processes = processes
        self.folder = folder
        self.database = Database(f"postgresql://{database}")
        self._components = tuple(components)
        self._api_server = (*AIRFLOW, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        self._airflow = LocalAirflow(
            folder,
            "airflow.log",
            AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
            AIRFLOW__CORE__EXECUTOR=executor,
            AIRFLOW__CORE__PARALLELISM="8",
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{self.url}/execution/",
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
            AIRFLOW__API__BASE_URL=self.url,
            AIRFLOW__API__SECRET_KEY=secrets.token_hex(16),
            AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(32),
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"postgresql+psycopg2://{database}",
            AIRFLOW_CONN_SIGNALWIRE_DEFAULT=json.dumps(connection),
            **{**FAST_DETECTION, **SLOW_API_SERVER, **(settings or {})},
        )

    def start(self) -> None:
        """Create the database and start the components; wait until all are healthy and the DAGs are loaded."""
        self._airflow.run("db", "migrate")
        self.start_process("api-server", *self._api_server)
        for name in self._components:
            self.start_component(name)
        wait_until(self._has_started, "Airflow is ready", pause=0.5)

    def start_process(self, name: str, *command: str, **variables: str) -> None:
        """Start a command in Airflow's environment.

        :param variables: More environment variables.
        """
        environment = {**self._airflow.environment, **variables}
        self.processes.start(name, *command, environment=environment, folder=self.folder)

    def start_component(self, name: str) -> None:
        """Start the scheduler, the triggerer or the DAG processor."""
        self.start_process(name, *AIRFLOW, *COMPONENTS[name])

    def kill_worker(self, task: TaskInstance) -> None:
        """``kill -9`` the worker that runs a task, and the task's process."""
        process = psutil.Process(task.pid)
        worker = process.parent()
        assert worker is not None
        worker.kill()
        process.kill()

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Trigger a DAG run and return its id."""
        run = self.call_api("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def assert_runs_succeeded(self, *run_ids: str) -> None:
        """Wait for the end of the runs; assert that every task succeeded and nothing unfinished is left in Airflow."""
        for run_id in run_ids:
            self.database.wait_for_end(run_id)
            assert set(self.database.state_counts(run_id)) == {"success"}
        wait_until(lambda: self.database.trigger_count() == 0, "the triggerer has removed its triggers")
        assert self.database.unfinished() == []

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return a task's return value."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.call_api("GET", f"{path}?map_index={map_index}&deserialize=true")["value"]

    def _has_started(self) -> bool:
        self.processes.assert_running()
        components = [name.replace("-", "_") for name in self._components]
        if not self.is_ready(components, []):
            return False
        errors = self.call_api("GET", "importErrors")["import_errors"]
        assert not errors, errors
        return self.is_ready(components, [path.stem for path in DAGS.glob("*.py")])
