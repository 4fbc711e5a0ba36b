"""Airflow in a separate process, which runs one DAG after the other."""

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
ANSWER_SECONDS = 180  # what takes longer is stuck
DAG_RUNNER = Path(__file__).parent / "dag_runner.py"


# What a stream of the example DAG sends its audio to.
BOT = {"conn_type": "generic", "host": "wss://bot.example.com/audio", "password": "a-bots-token"}


def airflow_environment(home: Path, dags_folder: Path, simulator: SimulatorServer) -> dict[str, str]:
    """Return the environment of an Airflow with a connection to the simulator, and nothing else of ours in it."""
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
    """Run an ``airflow`` command, which must succeed, and return all that it printed."""
    result = subprocess.run(
        [str(python), "-m", "airflow", *arguments],
        cwd=environment["AIRFLOW_HOME"],  # Python would import this project from its folder
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


class DagRunner:
    """A process that runs DAGs, so that Airflow is loaded but once.

    :param environment: the process's environment
    :param log: file that takes what Airflow logs
    :param python: the interpreter, of an environment with Airflow
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

    def run(self, dag_id: str, conf: dict[str, Any] | None = None, *, failing_task: str | None = None) -> DagResult:
        """Run a DAG to its end.

        :param failing_task: a task that raises in place of what it does
        """
        _ = self.dag_files
        assert self._process.stdin is not None
        logged_before = len(self._log.read_text())
        job = {"dag_id": dag_id, "conf": conf or {}, "failing_task": failing_task}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer = self._answer()
        log = self._log.read_text()[logged_before:]
        print(log)  # pytest shows it if the test fails
        return DagResult(answer, log)

    @cached_property
    def dag_files(self) -> dict[str, Path]:
        """The DAGs that it has, each with its file; waits until Airflow is ready."""
        return {dag_id: Path(file) for dag_id, file in self._answer().items()}

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watch = threading.Timer(ANSWER_SECONDS, self._process.kill)
        watch.start()
        try:
            answer = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert answer, f"the DAG runner has ended:\n{self._log.read_text()[-3000:]}"
        return dict(json.loads(answer))


class DagResult:
    """What became of a run.

    :param answer: as the DAG runner gave it
    :param log: what Airflow logged
    """

    def __init__(self, answer: dict[str, Any], log: str) -> None:
        self.state: str = answer["state"]
        self.triggers: list[str] = answer["triggers"]
        self.log = log
        self._tasks: list[dict[str, Any]] = answer["tasks"]

    @property
    def task_states(self) -> dict[str, str]:
        """The state of each task; of a mapped one, the states its instances are in."""
        states: dict[str, set[str]] = {}
        for task in self._tasks:
            states.setdefault(task["task_id"], set()).add(task["state"])
        return {task_id: "/".join(sorted(found)) for task_id, found in states.items()}

    def xcom(self, task_id: str) -> Any:
        """What a task returned."""
        (value,) = self.xcoms(task_id)
        return value

    def xcoms(self, task_id: str) -> list[Any]:
        """What each instance of a mapped task returned, in order."""
        instances = [task for task in self._tasks if task["task_id"] == task_id]
        return [task["xcom"] for task in sorted(instances, key=lambda task: task["map_index"])]
