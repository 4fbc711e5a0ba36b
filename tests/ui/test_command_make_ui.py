"""``make ui``: what it promises is there, and nothing of it is left when it has been ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
import requests

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
HOME = PROJECT_DIR / ".build" / "test-ui-command"
SENT_BY_TEST = ("connection_id", "conn_type", "description", "host", "login", "schema", "port", "password", "extra")


@pytest.fixture
def command() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(PROJECT_DIR / "scripts" / "ui.py"), str(HOME)], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.terminate()
    process.wait(60)


def test_it_is_ready_to_use_and_leaves_nothing_behind(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    printed = read_until(command.stdout, "Ctrl-C ends everything.")
    (airflow,) = re.findall(r"^Airflow +(http://127\.0\.0\.1:\d+)", printed, re.MULTILINE)
    (simulator,) = re.findall(r"SignalWire at (http://\S+)", printed)

    assert_the_connection_works(airflow)
    assert_the_dags_can_be_triggered(airflow)
    pasted = re.findall(r"^  ([0-9a-f-]{36})  ([0-9a-f-]{36})  (\S+)$", printed, re.MULTILINE)
    assert pasted
    assert pasted == running_streams(simulator)
    processes = psutil.Process(command.pid).children(recursive=True)
    assert len(processes) > 4, "the watch does not see Airflow's processes"
    assert listening_addresses(processes) == {"127.0.0.1"}

    command.send_signal(signal.SIGINT)
    assert "nothing is left running" in command.stdout.read()
    assert command.wait(10) == 0
    assert [process for process in processes if process.is_running()] == []
    for url in (airflow, simulator):
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


def read_until(stream: IO[str], end: str) -> str:
    lines = []
    for line in stream:
        lines.append(line)
        if line.startswith(end):
            return "".join(lines)
    raise AssertionError(f"it ended before it was ready: {''.join(lines)}")


def assert_the_connection_works(airflow: str) -> None:
    """Send what the Test button sends: the saved connection as the list shows it."""
    saved = api(airflow, "GET", "connections/signalwire_default")
    answer = api(airflow, "POST", "connections/test", {key: saved[key] for key in SENT_BY_TEST})

    assert answer["status"] is True
    assert "Simulated project" in answer["message"]


def assert_the_dags_can_be_triggered(airflow: str) -> None:
    paused = {dag["dag_id"]: dag["is_paused"] for dag in api(airflow, "GET", "dags")["dags"]}

    assert paused == {path.stem: False for path in (PROJECT_DIR / "example_dags").glob("*.py")}
    assert api(airflow, "GET", "importErrors")["total_entries"] == 0


def api(airflow: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    token = requests.get(f"{airflow}/auth/token", timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    response = requests.request(method, f"{airflow}/api/v2/{path}", headers=headers, json=body, timeout=60)
    assert response.ok, response.text
    return response.json()


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
