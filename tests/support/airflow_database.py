"""One migrated SQLite database for the whole test run: every test that needs one copies it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local_airflow import LocalAirflow
from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: Any, record: Any) -> None:
    """Let SQLite return before a commit is on the disk: no test depends on it."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def copy_migrated_database(airflow_home: Path) -> Path:
    """Put a migrated database into a new AIRFLOW_HOME, and return its path.

    The first caller migrates a template, which is kept between test runs, one for each environment; the others, also in
    other processes, wait for it.
    """
    key = f"{sys.executable} {version('apache-airflow')}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    home = Path(__file__).parents[2] / ".build" / f"migrated-airflow-{digest}"
    migrated = home / "migrated"
    home.parent.mkdir(exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            LocalAirflow(home, "airflow.log").run("db", "migrate")
            migrated.touch()
    return Path(shutil.copy(home / "airflow.db", airflow_home))
