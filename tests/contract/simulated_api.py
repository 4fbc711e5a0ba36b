"""A simulator, reached by the paths of an API description."""

from __future__ import annotations

import re
from typing import Any

import requests
from api_description import full_path

from airflow_provider_signalwire.simulator.server import SimulatorServer

NEW_CALL = {"To": "+13105550100", "From": "+13105550101", "Url": "https://example.com/voice.xml"}
NEW_STREAM = {"Url": "wss://media.example.com/stream", "Name": "agent"}


NEW_COMMAND = {"command": "calling.stream", "params": {"control_id": "control-1", "url": NEW_STREAM["Url"]}}


class SimulatedApi:
    """Sends requests to a simulator, and makes the calls, streams and recordings that their paths name."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.auth = (server.project, server.token)

    def base_url(self, path: str) -> str:
        return self.server.url + full_path(path).removesuffix(path)

    def send(self, method: str, address: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.server.url + full_path(address), timeout=10, **options)

    def post(self, address: str, **form: str) -> requests.Response:
        return self.send("POST", address, data=form)

    def address(self, path: str, **call: Any) -> str:
        """Make what a path leads to, and fill in its SIDs."""
        return path.format(**self.sids(path, **call))

    def sids(self, path: str, **call: Any) -> dict[str, str]:
        """Make what a path leads to, and return the SIDs by the names that the path has for them."""
        sids: dict[str, str] = {}
        here = ""
        for kind, name in re.findall(r"/(\w+)/{(\w+)}", path):
            sids[name] = self._make(kind, here, {"status": "in-progress", **call})
            here += f"/{kind}/{sids[name]}"
        return sids

    def command(self, **command: Any) -> dict[str, Any]:
        """Make a native call, and return a command on it."""
        return {**NEW_COMMAND, "id": self.server.seed_native_calls()[0]["sid"], **command}

    def _make(self, kind: str, here: str, call: dict[str, Any]) -> str:
        if kind == "Accounts":
            return self.server.project
        if kind in ("Calls", "Conferences"):
            seed = self.server.seed if kind == "Calls" else self.server.seed_conferences
            return str(seed(**call)[0]["sid"])
        return str(self.post(f"{here}/{kind}", **(NEW_STREAM if kind == "Streams" else {})).json()["sid"])
