"""Runs DAGs by the Airflow it is started with, one after the other, as it is told on its standard input.

The first line it prints is a JSON object: each DAG's id and its file. Each line it then reads is a JSON object
``{"dag_id": …, "conf": {…}, "failing_task": … or null}``, and each line it prints one with the state of the run, the
state and XCom value of each task, and which triggers were run. Everything else that is printed, Airflow's log above
all, goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import warnings
from typing import Any, TextIO

PACKAGE = "airflow_provider_signalwire"


def main() -> None:
    answers = reserve_stdout()
    forbid_deprecated_uses()
    import_every_module()
    dags = load_dags()
    print(json.dumps({dag_id: dag.fileloc for dag_id, dag in dags.items()}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(dags, **json.loads(line))), file=answers, flush=True)
    sys.stderr.flush()
    os._exit(0)  # Airflow takes seconds to clear up, and there is nothing to keep


def reserve_stdout() -> TextIO:
    """Return standard output, and send to standard error what anybody else prints."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def forbid_deprecated_uses() -> None:
    """Make it an error when the package or an example DAG uses what Airflow is about to remove."""
    import airflow.configuration  # noqa: F401  # it adds filters of its own, which must come before

    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        # Airflow loads a DAG file under a name that starts with unusual_prefix.
        warnings.filterwarnings("error", category=category, module=rf"{PACKAGE}|unusual_prefix")


def import_every_module() -> None:
    """Import the whole package, so that nothing deprecated hides in a module that no example DAG uses."""
    package = importlib.import_module(PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        # A user's environment need not have pytest.
        if not module.name.endswith((".__main__", ".pytest_plugin")):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # a module for newer versions of Airflow says so
                if "needs Airflow" not in str(error):
                    raise


def load_dags() -> dict[str, Any]:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

    bag = DagBag()
    # On Airflow before 3.2, there is no journal; before 3.1, no approval.
    too_old = ("needs Airflow 3.2", "needs Airflow 3.1", "No module named 'airflow.providers.standard'")
    errors = {file: error for file, error in bag.import_errors.items() if not any(text in error for text in too_old)}
    if errors:
        sys.exit(f"DAG files that cannot be imported: {errors}")
    return dict(bag.dags)


def run(dags: dict[str, Any], dag_id: str, conf: dict[str, Any], failing_task: str | None = None) -> dict[str, Any]:
    """Run a DAG to its end.

    :param failing_task: a task that is to raise in place of what it does
    """
    dag = dags[dag_id]
    triggers = record_triggers()
    if failing_task is None:
        dag_run = dag.test(run_conf=conf)
    else:
        task = dag.get_task(failing_task)
        original, task.python_callable = task.python_callable, fail
        try:
            dag_run = dag.test(run_conf=conf)
        finally:
            task.python_callable = original
    return {
        "state": str(dag_run.state.value if hasattr(dag_run.state, "value") else dag_run.state),
        "tasks": [describe(ti) for ti in dag_run.get_task_instances()],
        "triggers": triggers,
    }


def fail(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("this task was told to fail")


def record_triggers() -> list[str]:
    """Return a list that takes up the names of the triggers that are run from now on."""
    from airflow_provider_signalwire.triggers.base import PollingTrigger

    names: list[str] = []
    run_trigger = vars(PollingTrigger).get("run_unrecorded") or PollingTrigger.run

    def run_and_record(trigger: PollingTrigger) -> Any:
        names.append(type(trigger).__name__)
        return run_trigger(trigger)

    PollingTrigger.run_unrecorded = run_trigger  # type: ignore[attr-defined]
    PollingTrigger.run = run_and_record  # type: ignore[method-assign]
    return names


def describe(ti: Any) -> dict[str, Any]:
    return {
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "state": ti.state and str(getattr(ti.state, "value", ti.state)),
        "xcom": plain(ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)),
    }


def plain(value: Any) -> Any:
    """Undo the JSON that Airflow 3 leaves a value in when it is read outside a task."""
    return json.loads(value) if isinstance(value, str) and value[:1] in '{["' else value


if __name__ == "__main__":
    main()
