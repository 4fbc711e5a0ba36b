"""A new AIRFLOW_HOME for the test run, and which worker runs which tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Airflow reads its configuration when it is first imported, so this has to come before.
os.environ.update(
    {
        "AIRFLOW_HOME": tempfile.mkdtemp(prefix="airflow-signalwire-tests-"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent.parent / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }
)
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


# The same examples in every run, so that a test fails for a change of the code and for nothing else. How long one takes
# says more about the machine than about the code.
hypothesis.settings.register_profile(
    "reproducible", derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("reproducible")


# What takes longest begins first.
FIRST = ("tests/processes/", "tests/integration/", "tests/faults/", "tests/e2e/", "tests/contract/")
# One worker runs all DAGs, because each worker that does first builds Airflow's API, in 4 seconds of CPU time.
DAG_RUNS = ("tests/integration/", "tests/e2e/test_example_dags.py")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the fixtures, and Airflow with them, before any other conftest.py; pytest-xdist's own process needs none."""
    options = pluginmanager.getplugin("pytestconfig").known_args_namespace
    if "PYTEST_XDIST_WORKER" in os.environ or not getattr(options, "numprocesses", None):
        pluginmanager.import_plugin("shared_fixtures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let the same worker run all tests of a file, and all DAG runs."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "DAG runs" if file.startswith(DAG_RUNS) else file

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and not what is imported by now: with Airflow, it would take a tenth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
