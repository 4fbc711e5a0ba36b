"""PostgreSQL and Redis from Debian's packages, on loopback and without data."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg2
from local_airflow import free_port
from processes import Processes, run_as, wait_until

DATABASE = "airflow"


def start_postgres(processes: Processes, folder: Path) -> str:
    """Start PostgreSQL with an empty database, and return ``user@host:port/database``."""
    # PostgreSQL refuses to run as root; Debian's package creates a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin/postgres")).parent
    data = folder / "postgres"
    data.mkdir()
    if user is not None:
        shutil.chown(data, user, user)
    subprocess.run(
        [binaries / "initdb", "--pgdata", data, "--username", DATABASE, "--auth", "trust", "--no-sync"],
        cwd="/",
        stdout=subprocess.DEVNULL,
        check=True,
        **run_as(user),
    )
    port = free_port()
    processes.start(
        "postgres",
        binaries / "postgres",
        *("-D", data, "-k", data, "-h", "127.0.0.1", "-p", str(port)),
        # The tests do not crash PostgreSQL.
        *("-c", "fsync=off", "-c", "max_connections=200"),
        folder=Path("/"),
        user=user,
        stop_signal=signal.SIGINT,  # "fast shutdown": do not wait for clients
    )
    address = {"host": "127.0.0.1", "port": port, "user": DATABASE}
    wait_until(lambda: _accepts_connections(address), "PostgreSQL accepts connections")
    connection = psycopg2.connect(dbname="postgres", **address)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    return f"{DATABASE}@127.0.0.1:{port}/{DATABASE}"


def start_redis(processes: Processes) -> str:
    """Start an in-memory Redis and return its URL."""
    port = free_port()
    processes.start(
        "redis", "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"
    )
    wait_until(lambda: "Ready to accept connections" in processes.log("redis").read_text(), "Redis accepts connections")
    return f"redis://127.0.0.1:{port}/0"


def _accepts_connections(address: dict[str, object]) -> bool:
    try:
        psycopg2.connect(dbname="postgres", **address).close()
    except psycopg2.OperationalError:
        return False
    return True
