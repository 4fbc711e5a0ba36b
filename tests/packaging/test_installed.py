"""Use the installed wheel through Airflow's commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow_command import airflow_environment, run_airflow

from airflow_provider_signalwire import __version__
from airflow_provider_signalwire.simulator.server import SimulatorServer

PROJECT_DIR = Path(__file__).parent.parent.parent
DISTRIBUTION = "airflow-provider-signalwire"
EXAMPLES = {path.stem for path in (PROJECT_DIR / "example_dags").glob("*.py")}


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory,
    installed_python: Path,
    installed_package: Path,
    shared_simulator: SimulatorServer,
) -> dict[str, str]:
    """The environment variables of an Airflow that uses the installed example DAGs."""
    home = tmp_path_factory.mktemp("installed-airflow")
    environment = airflow_environment(home, installed_package / "example_dags", shared_simulator)
    environment.pop("PYTHONPATH", None)
    run_airflow(environment, "db", "migrate", python=installed_python)
    return environment


def parse_json(output: str) -> Any:
    """Return the JSON value in a command's output, after its log lines."""
    return json.loads(output[re.search(r"^[\[{](?!\d)", output, re.MULTILINE).start() :])  # type: ignore[union-attr]


def test_airflow_lists_provider(environment: dict[str, str], installed_python: Path) -> None:
    listed = parse_json(run_airflow(environment, "providers", "list", "-o", "json", python=installed_python))

    assert [row["version"] for row in listed if row["package_name"] == DISTRIBUTION] == [__version__]


def test_airflow_describes_provider(environment: dict[str, str], installed_python: Path) -> None:
    command = ("providers", "get", DISTRIBUTION, "--full", "-o", "json")

    (row,) = parse_json(run_airflow(environment, *command, python=installed_python))

    assert row["package-name"] == DISTRIBUTION
    assert row["connection-types"][0]["connection-type"] == "signalwire"


def test_airflow_registers_connection_type(environment: dict[str, str], installed_python: Path) -> None:
    hooks = parse_json(run_airflow(environment, "providers", "hooks", "-o", "json", python=installed_python))

    (hook,) = (row for row in hooks if row["connection_type"] == "signalwire")
    assert hook["package_name"] == DISTRIBUTION
    assert hook["hook_name"] == "SignalWire"


def test_airflow_loads_examples_without_errors(environment: dict[str, str], installed_python: Path) -> None:
    with_examples = {**environment, "AIRFLOW__CORE__LOAD_EXAMPLES": "True"}
    bundle = ("-B", f"{DISTRIBUTION}-example-dags")

    output = run_airflow(with_examples, "dags", "reserialize", *bundle, python=installed_python)
    listed = run_airflow(with_examples, "dags", "list", *bundle, "-o", "json", python=installed_python)
    errors = run_airflow(with_examples, "dags", "list-import-errors", *bundle, python=installed_python)

    assert {row["dag_id"] for row in parse_json(listed)} == EXAMPLES
    assert "No data found" in errors
    assert not re.search(r"\b(error|exception|traceback)\b", output + listed, re.IGNORECASE)


def test_example_dag_runs(environment: dict[str, str], installed_python: Path, simulator: SimulatorServer) -> None:
    (call,) = simulator.seed()
    conf = json.dumps({"call_sid": call["sid"]})

    run_airflow(environment, "dags", "test", "call_stream_lifecycle", "--conf", conf, python=installed_python)

    (stream,) = simulator.state.snapshot()["streams"]
    assert stream["status"] == "stopped"
