"""Runs of the example DAGs, and their results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_signalwire.triggers.base import PollingTrigger

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

EXAMPLE_DAGS = Path(__file__).parent.parent.parent / "example_dags"

# The WebSocket server that the example DAGs stream to.
BOT = {"conn_type": "generic", "host": "wss://bot.example.com/audio", "password": "a-bots-token"}

# The journal requires Airflow 3.2, approval 3.1.
TOO_OLD = ("needs Airflow 3.2", "needs Airflow 3.1", "No module named 'airflow.providers.standard'")


def load_dags() -> dict[str, Any]:
    bag = DagBag(EXAMPLE_DAGS)
    assert all(any(map(error.__contains__, TOO_OLD)) for error in bag.import_errors.values()), bag.import_errors
    return dict(bag.dags)


@dataclass(frozen=True)
class DagResult:
    """The result of a DAG run.

    :param triggers: the names of the triggers that ran
    :param log: Airflow's log of the run
    """

    state: str
    triggers: list[str]
    log: str
    _tasks: list[dict[str, Any]]

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


@dataclass(frozen=True)
class DagRunner:
    """Runs example DAGs in this process.

    :param dags: the DAGs by their ids
    :param earlier_runs: the DAGs that have run
    :param read_log: returns what was logged since it was last called
    """

    dags: dict[str, Any]
    earlier_runs: list[str]
    read_log: Callable[[], str]

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
        dag, triggers = self.dags[dag_id], list[str]()
        run_trigger = PollingTrigger.run

        def run_and_record(trigger: PollingTrigger) -> Any:
            triggers.append(type(trigger).__name__)
            return run_trigger(trigger)

        self.read_log()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PollingTrigger, "run", run_and_record)
            if self.earlier_runs:  # dag.test() would parse and store all example DAGs again
                patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", "[]")
            for task in dag.tasks:
                if hasattr(task, "deferrable"):
                    patch.setattr(task, "deferrable", deferrable)
            if failing_task is not None:
                patch.setattr(dag.get_task(failing_task), "python_callable", fail)
            dag_run = dag.test(run_conf=conf or {})
        self.earlier_runs.append(dag_id)
        tasks = [describe(ti) for ti in dag_run.get_task_instances()]
        return DagResult(str(getattr(dag_run.state, "value", dag_run.state)), triggers, self.read_log(), tasks)


def fail(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("this task fails on purpose")


def describe(ti: Any) -> dict[str, Any]:
    xcom = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    return {
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "state": ti.state and str(getattr(ti.state, "value", ti.state)),
        # Outside of a task, Airflow 3 returns the JSON that it stored.
        "xcom": json.loads(xcom) if isinstance(xcom, str) and xcom[:1] in '{["' else xcom,
    }
