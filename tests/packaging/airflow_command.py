"""The ``airflow`` command of an environment, with a connection to the simulator."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from airflow_provider_signalwire.simulator.server import SimulatorServer

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


def run_airflow(environment: dict[str, str], *arguments: str, python: Path) -> str:
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
