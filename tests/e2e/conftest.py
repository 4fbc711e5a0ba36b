"""Fixtures that run the example DAGs in a real Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from example_runs import BOT, DagRunner, load_dags


@pytest.fixture(scope="session")
def example_dags() -> dict[str, Any]:
    return load_dags()


@pytest.fixture(scope="session")
def earlier_runs() -> list[str]:
    return []


@pytest.fixture
def dag_runner(
    airflow_database: Path,
    connection: str,
    example_dags: dict[str, Any],
    earlier_runs: list[str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> DagRunner:
    """Runs DAGs with connections to the simulator and to the bot."""
    monkeypatch.setenv("AIRFLOW_CONN_MY_BOT", json.dumps(BOT))

    def read_log() -> str:
        log = caplog.text + "".join(capfd.readouterr())
        caplog.clear()
        return log

    return DagRunner(example_dags, earlier_runs, read_log)
