"""A local Airflow that writes to one folder and listens only on loopback."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from airflow_provider_signalwire.simulator import SimulatorServer

PROJECT_DIR = Path(__file__).resolve().parent.parent
EXAMPLE_DAG_IDS = frozenset(path.stem for path in (PROJECT_DIR / "example_dags").glob("*.py"))
START_SECONDS = 300
STOP_SECONDS = 30


class LocalAirflow:
    """The ``airflow`` command with a new AIRFLOW_HOME and the example DAGs.

    :param home: Airflow's folder.
    :param log: Name of the log file in that folder.
    :param settings: More environment variables.
    """

    def __init__(self, home: Path, log: str, **settings: str) -> None:
        self.home = home
        self.log = home / log
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            **settings,
        }

    def run(self, *arguments: str) -> str:
        """Run a command and return its output."""
        result = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with self.log.open("a") as log:
            log.write(f"$ airflow {' '.join(arguments[:2])}\n{result.stdout}\n")
        if result.returncode != 0:
            sys.exit(f"airflow {' '.join(arguments[:2])} failed:\n{result.stdout}")
        return result.stdout

    @contextlib.contextmanager
    def standalone(self, port: int, *, dag_ids: Collection[str] = EXAMPLE_DAG_IDS) -> Iterator[StandaloneAirflow]:
        """Run ``airflow standalone``: wait until it is ready, and stop all its processes on exit.

        :param port: Port of the UI and REST API.
        :param dag_ids: DAGs to wait for.
        """
        url = f"http://127.0.0.1:{port}"
        environment = {
            **self.environment,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": url,
            # Only this machine can reach the port, so no login is needed.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "PATH": f"{self._make_airflow_command().parent}{os.pathsep}{os.environ['PATH']}",
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # All processes can be stopped as one group, and Ctrl-C does not reach them.
                start_new_session=True,
            )
            airflow = StandaloneAirflow(process, url, self.log)
            try:
                airflow.wait_until_ready(dag_ids)
                yield airflow
            finally:
                airflow.stop()

    def _make_airflow_command(self) -> Path:
        """Create an ``airflow`` command without log servers, which listen on all interfaces."""
        command = self.home / "bin" / "airflow"
        command.parent.mkdir(exist_ok=True)
        command.write_text(
            "#!/bin/sh\n"
            'case "$1" in scheduler|triggerer) set -- "$@" --skip-serve-logs ;; esac\n'
            f'exec {shlex.quote(sys.executable)} -m airflow "$@"\n'
        )
        command.chmod(0o755)
        return command


class AirflowApi:
    """The REST API of an Airflow that needs no login.

    :param url: Airflow's URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def call_api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request to the REST API and return the response."""
        token = requests.get(f"{self.url}/auth/token", timeout=60).json()["access_token"]
        with requests.Session() as session:
            # Airflow on SQLite returns 500 for a write while another one is in progress.
            retries = Retry(total=6, backoff_factor=0.3, status_forcelist=[500], allowed_methods=None)
            session.mount("http://", HTTPAdapter(max_retries=retries))
            headers = {"Authorization": f"Bearer {token}"}
            response = session.request(method, f"{self.url}/api/v2/{path}", headers=headers, json=body, timeout=60)
        if not response.ok:
            raise requests.HTTPError(f"{method} {path}: {response.status_code} {response.text}", response=response)
        return response.json() if response.content else None

    def is_ready(self, components: Collection[str], dag_ids: Collection[str]) -> bool:
        """Return whether these components are healthy and these DAGs can be triggered."""
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
            is_healthy = all(health[name]["status"] == "healthy" for name in components)
            return is_healthy and {*dag_ids} <= {dag["dag_id"] for dag in self.call_api("GET", "dags")["dags"]}
        except requests.RequestException:
            return False


class StandaloneAirflow(AirflowApi):
    """A running ``airflow standalone``."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        super().__init__(url)
        self.process = process
        self.log = log

    def wait_until_ready(self, dag_ids: Collection[str]) -> None:
        """Wait until all components are healthy and these DAGs can be triggered."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready(("scheduler", "dag_processor", "triggerer"), dag_ids):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"Airflow did not start; the end of {self.log}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.25)

    def stop(self) -> None:
        """Stop all processes; kill those that do not stop in time."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal_number)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                self.process.poll()
                try:
                    os.killpg(self.process.pid, 0)
                except ProcessLookupError:
                    return
                time.sleep(0.05)


def example_connections(simulator: SimulatorServer) -> dict[str, dict[str, Any]]:
    """Return the connections that the example DAGs use, by their ids."""
    signalwire = {
        "conn_type": "signalwire",
        # Airflow 3.3.2 and older do not test a connection without a port.
        "host": f"http://{simulator.host}",
        "port": simulator.port,
        "login": simulator.project,
        "password": simulator.token,
    }
    bot = {"conn_type": "generic", "host": "wss://bot.example.com/audio", "password": "bot-token"}
    return {"signalwire_default": signalwire, "my_bot": bot}


def free_port(wanted: int = 0) -> int:
    """Return this port if it is free, otherwise another one."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            # Like the servers: ignore closing connections of an earlier run.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                return int(listener.getsockname()[1])
    sys.exit("No port is free.")
