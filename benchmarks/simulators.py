"""The simulator in a separate process, and Airflow connections to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import requests

PROJECT = "benchmark-project"
TOKEN = "benchmark-token"  # noqa: S105  # not a secret
STREAM_NAME = "benchmark"

# SignalWire's rate limit for a Space.
ALLOWED_WRITES, ALLOWED_SECONDS = 13_800, 10
ALLOWED_RATE = ALLOWED_WRITES / ALLOWED_SECONDS
RATE_LIMIT = f"{ALLOWED_WRITES}/{ALLOWED_SECONDS}"

# Allow more than a million streams.
_SIMULATOR = (
    "from airflow_provider_signalwire.simulator import __main__, store; store.CAPACITY = 2_000_000; __main__.main()"
)


class Simulator:
    """A client for the simulator's own endpoints.

    :param url: The simulator's URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to one of the simulator's own endpoints."""
        response = self._session.request(method, f"{self.url}/_simulator/{path}", json=body, timeout=120)
        response.raise_for_status()
        return response.json()

    def reset(self, **settings: Any) -> None:
        """Reset the simulator with new settings."""
        self.control("POST", "reset", settings)

    def seed(self, streams: int, *, per_call: int = 1) -> list[dict[str, str]]:
        """Create calls with streams, and return the streams as rows of a batch."""
        names = [{"name": f"{STREAM_NAME}-{number}"} for number in range(per_call)]
        calls = self.control("POST", "calls", {"count": streams // per_call, "streams": names})["calls"]
        return [{"call_sid": call["sid"], "stream_sid": stream["sid"]} for call in calls for stream in call["streams"]]

    def connect(self) -> None:
        """Set the default connections of this process: the provider's, and one for HTTP operators."""
        connection = {"conn_type": "signalwire", "host": self.url, "login": PROJECT, "password": TOKEN}
        os.environ["AIRFLOW_CONN_SIGNALWIRE_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({**connection, "conn_type": "http"})


@contextlib.contextmanager
def running_simulator(**settings: Any) -> Iterator[Simulator]:
    """Run a simulator on a free port.

    :param settings: Command-line options, with underscores.
    """
    options = [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _SIMULATOR, "--port", "0"),
            *("--project", PROJECT, "--token", TOKEN, "--stop-delay-ms", "0", *options),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = re.search(r"https?://\S+", process.stdout.readline() if process.stdout else "")
        if ready is None:
            sys.exit("The simulator did not start.")
        simulator = Simulator(ready[0])
        simulator.connect()
        yield simulator
    finally:
        process.terminate()
        process.wait(30)
