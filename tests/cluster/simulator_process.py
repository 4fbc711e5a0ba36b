"""The simulator in a separate process, and queries for tests."""

from __future__ import annotations

import re
import sys
from typing import Any

import requests
from processes import Processes, wait_until

PROJECT = "cluster-project"
TOKEN = "cluster-token"


class SimulatorProcess:
    """A running simulator.

    :param processes: Starts the simulator.
    :param options: Command-line options.
    """

    def __init__(self, processes: Processes, *options: str) -> None:
        command = [sys.executable, "-m", "airflow_provider_signalwire.simulator", "--port", "0"]
        processes.start("simulator", *command, "--project", PROJECT, "--token", TOKEN, *options)
        log = processes.log("simulator")
        wait_until(lambda: "listening on" in log.read_text(), "the simulator listens")
        self.url = re.findall(r"listening on (\S+)", log.read_text())[-1]

    def seed(self, count: int, *names: str) -> list[dict[str, str]]:
        """Create calls, each with streams of these names, and return the streams as rows of a batch."""
        body = {"count": count, "streams": [{"name": name} for name in names]}
        calls = self._control("POST", "calls", body)["calls"]
        return [{"call_sid": call["sid"], "stream_sid": stream["sid"]} for call in calls for stream in call["streams"]]

    def seed_calls(self, count: int) -> list[str]:
        """Create calls without streams, an hour old, and return their SIDs."""
        return [call["sid"] for call in self._control("POST", "calls", {"count": count, "age_seconds": 3600})["calls"]]

    def stop_stream(self, stream: dict[str, Any]) -> None:
        """Stop a stream like another client."""
        url = f"{self.url}/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/{stream['call_sid']}/Streams/{stream['sid']}"
        requests.post(url, data={"Status": "stopped"}, auth=(PROJECT, TOKEN), timeout=60).raise_for_status()

    def reset(self, **settings: Any) -> None:
        self._control("POST", "reset", settings)

    def set_faults(self, *faults: dict[str, Any]) -> None:
        self._control("POST", "faults", list(faults))

    def streams(self) -> list[dict[str, Any]]:
        return list(self._control("GET", "state")["streams"])

    def running_streams(self) -> list[dict[str, Any]]:
        return [stream for stream in self.streams() if stream["status"] != "stopped"]

    def running_count(self) -> int:
        return int(self._control("GET", "state")["counts"]["running_streams"])

    def wait_for_accepted_stops(self) -> None:
        """Wait until every accepted stop has taken effect, which takes half a second."""
        wait_until(
            lambda: all(stream["status"] != "queued" for stream in self.streams()), "accepted stops have taken effect"
        )

    def requests(self, path_contains: str = "") -> list[dict[str, Any]]:
        url = f"{self.url}/_simulator/requests"
        response = requests.get(url, params={"path_contains": path_contains}, timeout=60)
        response.raise_for_status()
        return list(response.json()["requests"])

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        response = requests.request(method, f"{self.url}/_simulator/{path}", json=body, timeout=60)
        response.raise_for_status()
        return response.json()
