"""A separate process with Airflow that runs DAGs one after another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from airflow_provider_signalwire.simulator.server import SimulatorServer

EXAMPLE_DAGS = Path(__file__).parent.parent.parent / "example_dags"
RUN_SECONDS = 180
DAG_RUNNER = Path(__file__).parent / "dag_runner.py"


# The WebSocket server that the example DAGs stream to.
BOT = {"conn_type": "generic", "host": "wss://bot.example.com/audio", "password": "a-bots-token"}


def airflow_environment(home: Path, dags_folder: Path, simulator: SimulatorServer) -> dict[str, str]:
    """Return the environment variables of an Airflow with a connection to the simulator."""
    connection = {
        "conn_type": "signalwire",
        "host": simulator.url,
        "login": simulator.project,
        "password": simulator.token,
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "COV_", "COVERAGE_"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW_CONN_SIGNALWIRE_DEFAULT": json.dumps(connection),
        "AIRFLOW_CONN_MY_BOT": json.dumps(BOT),
    }


def run_airflow(environment: dict[str, str], *arguments: str, python: str | Path = sys.executable) -> str:
    """Run an ``airflow`` command, assert that it succeeds, and return its output."""
    result = subprocess.run(
        [str(python), "-m", "airflow", *arguments],
        cwd=environment["AIRFLOW_HOME"],  # not the project's folder, or Python would import the package from there
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


class DagRunner:
    """A process that loads Airflow once and runs DAGs.

    :param environment: Environment variables of the process.
    :param log: File for Airflow's log.
    :param python: Interpreter of an environment with Airflow.
    """

    def __init__(self, environment: dict[str, str], log: Path, python: str | Path = sys.executable) -> None:
        self._log = log
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                [str(python), str(DAG_RUNNER)],
                cwd=environment["AIRFLOW_HOME"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def run(
        self,
        dag_id: str,
        conf: dict[str, Any] | None = None,
        *,
        failing_task: str | None = None,
        deferrable: bool = False,
    ) -> DagResult:
        """Run a DAG to its end.

        :param failing_task: Task that raises an error instead of running.
        :param deferrable: Whether those tasks defer that can do both.
        """
        _ = self.dag_files
        assert self._process.stdin is not None
        logged_before = len(self._log.read_text())
        job = {"dag_id": dag_id, "conf": conf or {}, "failing_task": failing_task, "deferrable": deferrable}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        result = self._read_result()
        log = self._log.read_text()[logged_before:]
        print(log)  # shown if the test fails
        return DagResult(result, log)

    @cached_property
    def dag_files(self) -> dict[str, Path]:
        """The file of each DAG. Waits until Airflow is ready."""
        return {dag_id: Path(file) for dag_id, file in self._read_result().items()}

    def _read_result(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watch = threading.Timer(RUN_SECONDS, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"the DAG runner has exited:\n{self._log.read_text()[-3000:]}"
        return dict(json.loads(line))


class DagResult:
    """The result of a DAG run.

    :param result: The DAG runner's output.
    :param log: Airflow's log of the run.
    """

    def __init__(self, result: dict[str, Any], log: str) -> None:
        self.state: str = result["state"]
        self.triggers: list[str] = result["triggers"]
        self.log = log
        self._tasks: list[dict[str, Any]] = result["tasks"]

    @property
    def task_states(self) -> dict[str, str]:
        """The state of each task; for a mapped task, the states of its instances."""
        states: dict[str, set[str]] = {}
        for task in self._tasks:
            states.setdefault(task["task_id"], set()).add(task["state"])
        return {task_id: "/".join(sorted(found)) for task_id, found in states.items()}

    def xcom(self, task_id: str) -> Any:
        """Return the return value of a task."""
        (value,) = self.xcoms(task_id)
        return value

    def xcoms(self, task_id: str) -> list[Any]:
        """Return the return values of a mapped task, in order."""
        instances = [task for task in self._tasks if task["task_id"] == task_id]
        return [task["xcom"] for task in sorted(instances, key=lambda task: task["map_index"])]
