"""``make ui``: everything it prints works, and Ctrl-C stops all processes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
import requests
from local_airflow import AirflowApi

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
HOME = PROJECT_DIR / ".build" / "test-ui-command"
TESTED_FIELDS = "connection_id conn_type description host login schema port password extra"


@pytest.fixture
def command() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(PROJECT_DIR / "scripts" / "ui.py"), str(HOME)], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.terminate()
    process.wait(60)


def test_make_ui_is_ready_to_use_and_stops_cleanly(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    printed = read_until(command.stdout, "Press Ctrl-C to stop everything.")
    (url,) = re.findall(r"^Airflow +(http://127\.0\.0\.1:\d+)", printed, re.MULTILINE)
    airflow = AirflowApi(url)
    (simulator,) = re.findall(r"SignalWire at (http://\S+)", printed)

    assert_connection_works(airflow)
    assert_dags_can_be_triggered(airflow)
    printed_streams = re.findall(r"^  ([0-9a-f-]{36})  ([0-9a-f-]{36})  (\S+)$", printed, re.MULTILINE)
    assert printed_streams
    assert printed_streams == running_streams(simulator)
    processes = psutil.Process(command.pid).children(recursive=True)
    assert len(processes) > 4, "Airflow's processes were not found"
    assert listening_addresses(processes) == {"127.0.0.1"}

    command.send_signal(signal.SIGINT)
    assert "nothing is left running" in command.stdout.read()
    assert command.wait(10) == 0
    assert [process for process in processes if process.is_running()] == []
    for url in (airflow.url, simulator):
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


def read_until(stream: IO[str], end: str) -> str:
    lines = []
    for line in stream:
        lines.append(line)
        if line.startswith(end):
            return "".join(lines)
    raise AssertionError(f"the command exited before it was ready: {''.join(lines)}")


def assert_connection_works(airflow: AirflowApi) -> None:
    """Send the same request as the Test button."""
    saved = airflow.call_api("GET", "connections/signalwire_default")
    response = airflow.call_api("POST", "connections/test", {key: saved[key] for key in TESTED_FIELDS.split()})

    assert response["status"] is True
    assert "Simulated project" in response["message"]


def assert_dags_can_be_triggered(airflow: AirflowApi) -> None:
    paused = {dag["dag_id"]: dag["is_paused"] for dag in airflow.call_api("GET", "dags")["dags"]}

    assert paused == {path.stem: False for path in (PROJECT_DIR / "example_dags").glob("*.py")}
    assert airflow.call_api("GET", "importErrors")["total_entries"] == 0


def running_streams(simulator: str) -> list[tuple[str, str, str]]:
    state = requests.get(f"{simulator}/_simulator/state", timeout=30).json()
    assert {call["status"] for call in state["calls"]} == {"in-progress"}
    return [
        (stream["call_sid"], stream["sid"], stream["name"])
        for stream in state["streams"]
        if stream["status"] == "in-progress"
    ]


def listening_addresses(processes: list[psutil.Process]) -> set[str]:
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
