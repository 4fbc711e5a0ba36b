"""The main job, end to end: real Airflow starts a media stream on a call and stops it again, on the simulator.

Run by ``make demo``. Everything it writes is below AIRFLOW_HOME, which is made anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_airflow import PROJECT_DIR, LocalAirflow

AIRFLOW_HOME = PROJECT_DIR / ".build" / "demo"
DAG_ID = "call_stream_lifecycle"
SIMULATOR_PROJECT = "demo-project"
SIMULATOR_TOKEN = "demo-token"  # noqa: S105  # the simulator knows no other


def main() -> None:
    """Do the main job, and print what came of it."""
    started = time.monotonic()
    with running_simulator() as url:
        step(f"The simulator stands in for SignalWire at {url}")

        step("Airflow gets a connection, as AIRFLOW_CONN_SIGNALWIRE_DEFAULT: Project ID, API token, Space")
        connection = {"conn_type": "signalwire", "login": SIMULATOR_PROJECT, "password": SIMULATOR_TOKEN, "host": url}
        airflow = LocalAirflow(AIRFLOW_HOME, "demo.log", AIRFLOW_CONN_SIGNALWIRE_DEFAULT=json.dumps(connection))

        step("Airflow makes its database (SQLite); meanwhile, a call is made and answered")
        with ThreadPoolExecutor() as both:
            calling = both.submit(make_call, url)
            airflow.run("db", "migrate")
            call = calling.result()

        step(f"Airflow runs the DAG '{DAG_ID}': start a stream, work, stop it and wait until it has stopped")
        conf = json.dumps({"call_sid": call["sid"], "url": "wss://bot.example.com/audio"})
        log = airflow.run("dags", "test", DAG_ID, "--conf", conf)
    summarise(call, xcom_of("stop_call_stream"), log, time.monotonic() - started)


def xcom_of(task_id: str) -> dict[str, Any]:
    """Read what a task returned, from Airflow's database."""
    with contextlib.closing(sqlite3.connect(AIRFLOW_HOME / "airflow.db")) as database:
        row = database.execute(
            "SELECT value FROM xcom WHERE dag_id = ? AND task_id = ? AND key = 'return_value'", (DAG_ID, task_id)
        ).fetchone()
    if row is None:
        sys.exit(f"Task {task_id} left no record in XCom; see {AIRFLOW_HOME / 'demo.log'}")
    record: dict[str, Any] = json.loads(row[0])
    return json.loads(record) if isinstance(record, str) else record


@contextlib.contextmanager
def running_simulator() -> Iterator[str]:
    """Run the simulator on a free port, and end it whatever happens."""
    simulator = subprocess.Popen(  # the command is ours
        [
            *(sys.executable, "-m", "airflow_provider_signalwire.simulator", "--port", "0"),
            *("--project", SIMULATOR_PROJECT, "--token", SIMULATOR_TOKEN),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = re.search(r"http://\S+", simulator.stdout.readline() if simulator.stdout else "")
        if ready is None:
            sys.exit("The simulator did not start.")
        yield ready.group()
    finally:
        simulator.send_signal(signal.SIGTERM)
        simulator.wait()


def make_call(url: str) -> dict[str, Any]:
    """Make a call and wait until it is answered, by the provider's own client."""
    # The client's errors are Airflow's, and whatever imports Airflow makes itself at home.
    os.environ["AIRFLOW_HOME"] = str(AIRFLOW_HOME / "client")
    from airflow_provider_signalwire.client.config.settings import ClientSettings
    from airflow_provider_signalwire.client.flows.stop import just
    from airflow_provider_signalwire.client.flows.wait import wait_for_call_status
    from airflow_provider_signalwire.client.protocol.endpoints import create_call
    from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient

    logging.getLogger("airflow_provider_signalwire").setLevel(logging.WARNING)
    settings = ClientSettings(origin=url, project_id=SIMULATOR_PROJECT, api_token=SIMULATOR_TOKEN)
    with SignalWireClient(settings) as client:
        call = client.run(
            just(
                create_call(SIMULATOR_PROJECT, to="+15555550100", from_="+15555550199", url="https://example.com/call")
            )
        )
        answered = wait_for_call_status(
            SIMULATOR_PROJECT, call["sid"], ["in-progress"], poll_interval=0.1, deadline=time.time() + 10
        )
        return dict(client.run(answered) or {})


def step(text: str) -> None:
    """Say what comes next."""
    print(f"==> {text}", flush=True)


def summarise(call: dict[str, Any], record: dict[str, Any], log: str, seconds: float) -> None:
    """Print what was made and seen; fail if the stream has not stopped."""
    statuses = [status for _, status in re.findall(r"([Ss]tream .+) is '([a-z-]+)'", log)]
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
