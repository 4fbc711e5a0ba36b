"""The simulator in a separate process, and queries for tests."""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import Any

import requests
from processes import Processes, wait_until

PROJECT = "cluster-project"
TOKEN = "cluster-token"


class SimulatorProcess:
    """A running simulator.

    :param processes: start it
    :param options: of its command line
    """

    def __init__(self, processes: Processes, *options: str) -> None:
        command = [sys.executable, "-m", "airflow_provider_signalwire.simulator", "--port", "0"]
        processes.start("simulator", *command, "--project", PROJECT, "--token", TOKEN, *options)
        log = processes.log("simulator")
        wait_until(lambda: "listening on" in log.read_text(), "the simulator listens")
        self.url = re.findall(r"listening on (\S+)", log.read_text())[-1]

    def seed(self, count: int, *names: str) -> list[dict[str, str]]:
        """Put calls in place, each with streams of these names, and return the streams as a batch wants them."""
        plan = {"count": count, "streams": [{"name": name} for name in names]}
        calls = self._control("POST", "calls", plan)["calls"]
        return [{"call_sid": call["sid"], "stream_sid": stream["sid"]} for call in calls for stream in call["streams"]]

    def seed_calls(self, count: int) -> list[str]:
        """Put calls without streams in place, an hour old, and return their SIDs."""
        return [call["sid"] for call in self._control("POST", "calls", {"count": count, "age_seconds": 3600})["calls"]]

    def stop(self, stream: dict[str, Any]) -> None:
        """Stop a stream as another client would."""
        url = f"{self.url}/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/{stream['call_sid']}/Streams/{stream['sid']}"
        requests.post(url, data={"Status": "stopped"}, auth=(PROJECT, TOKEN), timeout=60).raise_for_status()

    def reset(self, **settings: Any) -> None:
        self._control("POST", "reset", settings)

    def set_faults(self, *faults: dict[str, Any]) -> None:
        self._control("POST", "faults", list(faults))

    def streams(self) -> list[dict[str, Any]]:
        return list(self._control("GET", "state")["streams"])

    def running(self) -> int:
        """How many streams have not stopped."""
        return int(self._control("GET", "state")["counts"]["running_streams"])

    def wait_for_accepted_stops(self) -> None:
        """Return when what it was asked to stop has stopped, which takes it half a second."""
        wait_until(
            lambda: all(stream["status"] != "queued" for stream in self.streams()), "accepted stops are carried out"
        )

    def requests(self, path_contains: str = "") -> list[dict[str, Any]]:
        url = f"{self.url}/_simulator/requests"
        answer = requests.get(url, params={"path_contains": path_contains}, timeout=60)
        answer.raise_for_status()
        return list(answer.json()["requests"])

    def answers(self) -> Counter[int | None]:
        """How often it has given each status."""
        return Counter(request["status"] for request in self.requests())

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_simulator/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()
