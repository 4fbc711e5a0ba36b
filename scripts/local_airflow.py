"""A real Airflow of the project's own: everything it writes lies in one folder, everything it opens on loopback."""

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
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

PROJECT_DIR = Path(__file__).resolve().parent.parent
EXAMPLE_DAG_IDS = frozenset(path.stem for path in (PROJECT_DIR / "example_dags").glob("*.py"))
START_SECONDS = 300
END_SECONDS = 30


class LocalAirflow:
    """The ``airflow`` command with a new AIRFLOW_HOME and the example DAGs.

    :param home: Airflow's folder.
    :param log: Name of the file in it that keeps what commands print.
    :param settings: Further environment variables.
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
        """Run a command to its end and return what it printed."""
        result = subprocess.run(  # the command is ours
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
        """Run ``airflow standalone``, ready when entered; all its processes are gone when left.

        :param port: The port of its UI and REST API.
        :param dag_ids: It is ready when it knows these DAGs.
        """
        url = f"http://127.0.0.1:{port}"
        environment = {
            **self.environment,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": url,
            # Who can reach the port is on this machine; a login would only be in the way.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "PATH": f"{self._airflow_on_loopback().parent}{os.pathsep}{os.environ['PATH']}",
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A new process group can be ended as a whole, and Ctrl-C does not reach it.
                start_new_session=True,
            )
            airflow = StandaloneAirflow(process, url, self.log)
            try:
                airflow.wait_until_ready(dag_ids)
                yield airflow
            finally:
                airflow.end()

    def _airflow_on_loopback(self) -> Path:
        """Return a command for standalone to find in PATH; its components' log servers would listen to the world."""
        command = self.home / "bin" / "airflow"
        command.parent.mkdir(exist_ok=True)
        command.write_text(
            "#!/bin/sh\n"
            'case "$1" in scheduler|triggerer) set -- "$@" --skip-serve-logs ;; esac\n'
            f'exec {shlex.quote(sys.executable)} -m airflow "$@"\n'
        )
        command.chmod(0o755)
        return command


class StandaloneAirflow:
    """A running ``airflow standalone``."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def wait_until_ready(self, dag_ids: Collection[str]) -> None:
        """Return when all components are healthy and these DAGs can be triggered."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(dag_ids):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"Airflow did not start; the end of {self.log}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.25)

    def call_api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return what the REST API answers."""
        token = requests.get(f"{self.url}/auth/token", timeout=10).json()["access_token"]
        with requests.Session() as session:
            # Airflow on SQLite returns 500 for a write while another one is in progress.
            retries = Retry(total=6, backoff_factor=0.3, status_forcelist=[500], allowed_methods=None)
            session.mount("http://", HTTPAdapter(max_retries=retries))
            headers = {"Authorization": f"Bearer {token}"}
            response = session.request(method, f"{self.url}/api/v2/{path}", headers=headers, json=body, timeout=60)
        response.raise_for_status()
        return response.json() if response.content else None

    def end(self) -> None:
        """End every process, by force if it has to be."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal_number)
            deadline = time.monotonic() + END_SECONDS
            while time.monotonic() < deadline:
                self.process.poll()
                try:
                    os.killpg(self.process.pid, 0)
                except ProcessLookupError:
                    return
                time.sleep(0.05)

    def _is_ready(self, dag_ids: Collection[str]) -> bool:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
            is_healthy = all(part["status"] == "healthy" for part in health.values())
            return is_healthy and {*dag_ids} <= {dag["dag_id"] for dag in self.call_api("GET", "dags")["dags"]}
        except requests.RequestException:
            return False


def free_port(wanted: int) -> int:
    """Return the port, or any other if somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            # As the servers do, so that the connections of an earlier run that still close are not in the way.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                return int(listener.getsockname()[1])
    sys.exit("No port is free.")
