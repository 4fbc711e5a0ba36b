"""A clock on which time passes only while something waits."""

from __future__ import annotations

import asyncio
import importlib
import time as real_time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseSensorOperator

PACKAGE = "airflow_provider_signalwire"
READ_THE_TIME = (
    "client.flows.calling",
    "client.flows.run_stream",
    "client.flows.start",
    "client.flows.wait",
    "client.policy.retry",
    "client.transport.async_client",
    "client.transport.sync_client",
    "operators.stream",
    "operators.run_call_stream",
    "operators.start_guard",
    "sensors.base",
    "triggers.base",
    "triggers.deferral",
)


class Clock:
    """Stands still, except for pauses, which end at once.

    :ivar pauses: The pauses so far, in seconds.
    """

    def __init__(self) -> None:
        self.now = real_time.time()
        self.pauses: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)

    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the package and Airflow's sensors read this clock, and take the chance out of pauses."""
        async_time = SimpleNamespace(**{**vars(asyncio), "sleep": self.async_sleep})
        for name in READ_THE_TIME:
            module = importlib.import_module(f"{PACKAGE}.{name}")
            if hasattr(module, "time"):
                monkeypatch.setattr(module, "time", self)
            if hasattr(module, "asyncio"):
                monkeypatch.setattr(module, "asyncio", async_time)
        airflow_sensors = importlib.import_module(BaseSensorOperator.__module__)
        monkeypatch.setattr(airflow_sensors, "timezone", SimpleNamespace(utcnow=self.utcnow))
        for name in ("client.flows.wait._JITTER", "client.flows.wait._FIRST_JITTER"):
            monkeypatch.setattr(f"{PACKAGE}.{name}", (1.0, 1.0))
        monkeypatch.setattr(f"{PACKAGE}.client.policy.retry._BACKOFF", _no_backoff)


def _no_backoff(retry_state: Any) -> float:
    return 0.0
