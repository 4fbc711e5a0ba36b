"""Faults for the simulator, and what it has seen."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.simulator.server import SimulatorServer

STARTS = {"method": "POST", "path_contains": "/Streams"}
STOPS = {"method": "POST", "path_contains": "/Streams/"}
READS = {"method": "GET", "path_contains": "/Calls/"}


def stop_returns(*statuses: str) -> list[dict[str, Any]]:
    """Let the next stops return these stream statuses."""
    return [{"match": STOPS, "kind": "patch", "set": {"status": status}} for status in statuses]


def stop_always_returns(status: str) -> dict[str, Any]:
    return {"match": STOPS, "times": None, "kind": "patch", "set": {"status": status}}


def call_returns(*statuses: str) -> list[dict[str, Any]]:
    """Let the next reads of a call return these statuses."""
    return [{"match": READS, "kind": "patch", "set": {"status": status}} for status in statuses]


def http_status(status: int, *, times: int | None = None, match: dict[str, str] = STOPS, **more: Any) -> dict[str, Any]:
    return {"match": match, "times": times, "kind": "status", "status": status, **more}


def streams(simulator: SimulatorServer) -> list[dict[str, Any]]:
    """Every stream that was ever started."""
    return list(simulator.state.snapshot()["streams"])


def running(simulator: SimulatorServer) -> list[str]:
    """The SIDs of the streams that are running."""
    return [stream["sid"] for stream in streams(simulator) if stream["status"] != "stopped"]


def methods(simulator: SimulatorServer) -> str:
    """The methods of all requests so far, e.g. ``POST GET``."""
    return " ".join(request["method"] for request in simulator.requests())
