"""Run DAGs that are requested on standard input, and print their results.

The first line of the output is a JSON object that maps DAG ids to files. Each line of the input is a JSON object with
the arguments of :func:`run`. The response is a line with the state of the run, the state and XCom value of each task,
and the names of the triggers that ran. All other output, such as Airflow's log, goes to standard error.
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
    results = reserve_stdout()
    forbid_deprecated_features()
    import_every_module()
    dags = load_dags()
    print(json.dumps({dag_id: dag.fileloc for dag_id, dag in dags.items()}), file=results, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(dags, **json.loads(line))), file=results, flush=True)
    sys.stderr.flush()
    os._exit(0)  # skip Airflow's exit handlers, which take seconds


def reserve_stdout() -> TextIO:
    """Return a handle for standard output, and redirect all other output to standard error."""
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return results


def forbid_deprecated_features() -> None:
    """Turn deprecation warnings in the package and the example DAGs into errors."""
    import airflow.configuration  # noqa: F401  # adds its own filters, so it must come first

    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        # Airflow imports DAG files as modules named unusual_prefix_….
        warnings.filterwarnings("error", category=category, module=rf"{PACKAGE}|unusual_prefix")


def import_every_module() -> None:
    """Import all modules, to find deprecated features in those that no example DAG uses."""
    package = importlib.import_module(PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        # Users may not have pytest.
        if not module.name.endswith((".__main__", ".pytest_plugin")):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # the module requires a newer Airflow
                if "needs Airflow" not in str(error):
                    raise


def load_dags() -> dict[str, Any]:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

    bag = DagBag()
    # The journal requires Airflow 3.2, approval 3.1.
    too_old = ("needs Airflow 3.2", "needs Airflow 3.1", "No module named 'airflow.providers.standard'")
    errors = {file: error for file, error in bag.import_errors.items() if not any(text in error for text in too_old)}
    if errors:
        sys.exit(f"DAG files that cannot be imported: {errors}")
    return dict(bag.dags)


def run(
    dags: dict[str, Any], dag_id: str, conf: dict[str, Any], failing_task: str | None, deferrable: bool
) -> dict[str, Any]:
    """Run a DAG to its end.

    :param failing_task: Task that raises an error instead of running.
    :param deferrable: Whether those tasks defer that can do both.
    """
    dag = dags[dag_id]
    for task in dag.tasks:
        if hasattr(task, "deferrable"):
            task.deferrable = deferrable
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
    raise RuntimeError("this task fails on purpose")


def record_triggers() -> list[str]:
    """Return a list to which the name of each trigger that runs from now on is added."""
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
        "xcom": decode_json(ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)),
    }


def decode_json(value: Any) -> Any:
    """Decode an XCom value, which is still JSON if Airflow 3 reads it outside of a task."""
    return json.loads(value) if isinstance(value, str) and value[:1] in '{["' else value


if __name__ == "__main__":
    main()
