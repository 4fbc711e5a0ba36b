"""The simulator, with what the tests ask it for."""

from __future__ import annotations

from typing import Any

import requests
from processes import wait_until

from airflow_provider_signalwire.simulator.server import SimulatorServer


class ClusterSimulator(SimulatorServer):
    """A simulator on loopback, to which the components of Airflow connect."""

    def seed_streams(self, count: int, name: str) -> list[dict[str, str]]:
        """Create calls, each with a stream of this name, and return the streams as rows of a batch."""
        calls = self.seed(count=count, streams=[{"name": name}])
        return [{"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]} for call in calls]

    def seed_calls(self, count: int) -> list[str]:
        """Create calls without streams, an hour old, and return their SIDs."""
        return [call["sid"] for call in self.seed(count=count, age_seconds=3600)]

    def stop_stream(self, stream: dict[str, Any]) -> None:
        """Stop a stream like another client."""
        call = f"{self.url}/api/laml/2010-04-01/Accounts/{self.project}/Calls/{stream['call_sid']}"
        auth = (self.project, self.token)
        response = requests.post(f"{call}/Streams/{stream['sid']}", {"Status": "stopped"}, auth=auth, timeout=60)
        response.raise_for_status()

    def streams(self) -> list[dict[str, Any]]:
        return list(self.state.snapshot()["streams"])

    def running_streams(self) -> list[dict[str, Any]]:
        return [stream for stream in self.streams() if stream["status"] != "stopped"]

    def running_count(self) -> int:
        return len(self.running_streams())

    def wait_for_accepted_stops(self) -> None:
        """Wait until every accepted stop has taken effect, which takes half a second."""
        wait_until(
            lambda: all(stream["status"] != "queued" for stream in self.streams()), "accepted stops have taken effect"
        )
