"""Start and stop a media stream in real Airflow, against the simulator.

Run by ``make demo``. It writes only below AIRFLOW_HOME, which it empties first.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
import time
from typing import Any

from local_airflow import PROJECT_DIR, LocalAirflow, example_connections

from airflow_provider_signalwire.simulator import SimulatorServer

AIRFLOW_HOME = PROJECT_DIR / ".build" / "demo"
DAG_ID = "call_stream_lifecycle"


def main() -> None:
    """Run the demo and print its result."""
    started = time.monotonic()
    with SimulatorServer() as simulator:
        step(f"The simulator stands in for SignalWire at {simulator.url}")

        step("Airflow gets a connection, as AIRFLOW_CONN_SIGNALWIRE_DEFAULT: Project ID, API token, Space")
        connections = example_connections(simulator)
        variables = {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields) for conn_id, fields in connections.items()}
        airflow = LocalAirflow(AIRFLOW_HOME, "demo.log", **variables)

        step("Airflow creates its database (SQLite)")
        airflow.run("db", "migrate")
        [call] = simulator.seed()

        step(f"Airflow runs the DAG '{DAG_ID}': start a stream, work, stop it and wait until it has stopped")
        conf = json.dumps({"call_sid": call["sid"]})
        log = airflow.run("dags", "test", DAG_ID, "--conf", conf)
    summarise(call, xcom_of("stop_call_stream"), log, time.monotonic() - started)


def xcom_of(task_id: str) -> dict[str, Any]:
    """Read a task's XCom value from Airflow's database."""
    with contextlib.closing(sqlite3.connect(AIRFLOW_HOME / "airflow.db")) as database:
        row = database.execute(
            "SELECT value FROM xcom WHERE dag_id = ? AND task_id = ? AND key = 'return_value'", (DAG_ID, task_id)
        ).fetchone()
    if row is None:
        sys.exit(f"Task {task_id} left no record in XCom; see {AIRFLOW_HOME / 'demo.log'}")
    record: dict[str, Any] = json.loads(row[0])
    return json.loads(record) if isinstance(record, str) else record


def step(text: str) -> None:
    """Print the next step."""
    print(f"==> {text}", flush=True)


def summarise(call: dict[str, Any], record: dict[str, Any], log: str, seconds: float) -> None:
    """Print the call, the stream and its statuses; fail if the stream has not stopped."""
    statuses = re.findall(r"Stream is ([a-z-]+)", log)
    print(
        f"\nCall    {call['sid']}"
        f"\nStream  {record['sid']} ({record['name']})"
        f"\nSeen    {' -> '.join(dict.fromkeys(statuses))}"
        f"\nXCom    {json.dumps(record, indent=2)}"
        f"\nTook    {seconds:.0f} s; Airflow's log is in {(AIRFLOW_HOME / 'demo.log').relative_to(PROJECT_DIR)}"
    )
    if record["status"] != "stopped":
        sys.exit("The stream has not stopped.")


if __name__ == "__main__":
    main()
