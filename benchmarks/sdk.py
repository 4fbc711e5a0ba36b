"""The vendor's SDK, made to call the simulator."""

from __future__ import annotations

from typing import Any

from benchmarks.simulators import PROJECT, TOKEN, Simulator


def sdk_client(simulator: Simulator) -> Any:
    """Return the SDK's REST client; it knows only https, so its base URL is set afterwards."""
    from signalwire.rest import RestClient

    client = RestClient(project=PROJECT, token=TOKEN, host="127.0.0.1")
    client._http._base_url = simulator.url
    return client
