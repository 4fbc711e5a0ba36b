"""A simulator in a process of its own, on loopback."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

PROJECT = "simulated-project"
TOKEN = "simulated-token"  # noqa: S105  # the simulator knows no other


@contextlib.contextmanager
def running_simulator() -> Iterator[str]:
    """Run the simulator on a free port and yield its URL."""
    simulator = subprocess.Popen(
        [
            *(sys.executable, "-m", "airflow_provider_signalwire.simulator", "--port", "0"),
            *("--project", PROJECT, "--token", TOKEN),
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
    """Create a call in progress on the simulator."""
    request = urllib.request.Request(f"{url}/_simulator/calls", data=b"{}", method="POST")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
        call: dict[str, Any] = json.load(response)["calls"][0]
    return call
