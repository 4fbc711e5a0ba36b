"""What the tests of operators, sensors and triggers share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS
from clock import Clock
from task_runner import TaskRunner

from airflow_provider_signalwire.client.flows import start
from airflow_provider_signalwire.client.policy import retry
from airflow_provider_signalwire.simulator.server import SimulatorServer

SCRIPTS = Path(__file__).parents[2] / "scripts"

# A test executes tasks itself, which Airflow warns of.
if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk.bases.operator import ExecutorSafeguard
else:
    from airflow.models.baseoperator import ExecutorSafeguard

    ExecutorSafeguard._sentinel = SimpleNamespace(callers={})  # it would fail in other threads than this
ExecutorSafeguard.test_mode = True


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other at once."""
    monkeypatch.setattr(retry, "_BACKOFF", lambda retry_state: 0.0)
    monkeypatch.setattr(start, "_POLL_SECONDS", 0.05)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock on which time passes only while something waits."""
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def run_task(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> TaskRunner:
    """Run a task to its end, whether it waits in its process, is rescheduled or deferred."""
    runner = TaskRunner(clock)
    if not AIRFLOW_V_3_0_PLUS:  # Airflow 2 looks into its database for what Airflow 3 asks the task instance
        monkeypatch.setattr("airflow.sensors.base._orig_start_date", lambda **_: runner.first_reschedule)
    return runner


@pytest.fixture
def read_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return what was logged since the last reading, each line once.

    Airflow's loggers write to the terminal or to pytest, before 3.1 to both.
    """
    caplog.set_level("INFO")

    def read() -> str:
        captured = capfd.readouterr()
        logged = caplog.text
        caplog.clear()
        return logged + captured.out + captured.err if AIRFLOW_V_3_1_PLUS else logged

    return read


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], Any]:
    """Import one of the project's scripts."""

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def stream(simulator: SimulatorServer, connection: str) -> dict[str, str]:
    """A running stream: the SIDs of its call and of itself."""
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


@pytest.fixture
def make_subproject(make_connection: Callable[..., str]) -> Iterator[tuple[SimulatorServer, str, str]]:
    """A simulator whose token reaches a subproject, that subproject, and a connection to it."""
    subproject = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000002"
    with SimulatorServer(subprojects=(subproject,), stop_delay_ms=0) as server:
        yield server, subproject, make_connection("signalwire_sub", host=server.url)


@pytest.fixture
def context() -> dict[str, Any]:
    """The context of a task that runs on its own."""
    return {"ti": SimpleNamespace(xcom_push=lambda **pushed: None, try_number=1, dag_id="dag", task_id="task")}
