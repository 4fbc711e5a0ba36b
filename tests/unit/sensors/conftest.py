"""Sensors run as Airflow runs them, without its database: each step of a task in an instance of its own."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred, timezone
from airflow.triggers.base import BaseTrigger

from airflow_provider_signalwire.client import retrying
from airflow_provider_signalwire.sensors.base import SignalWireSensor
from airflow_provider_signalwire.simulator.server import SimulatorServer

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowRescheduleException


class Sensing:
    """Runs a sensor to its end, in the scheduler's and the triggerer's stead too; events go through JSON."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.deferrals: list[TaskDeferred] = []
        self.reschedules: list[AirflowRescheduleException] = []

    def make(self, sensor: type[SignalWireSensor], **arguments: Any) -> SignalWireSensor:
        mode = {"deferrable": True} if self.mode == "deferrable" else {"mode": self.mode}
        return sensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 20, **mode, **arguments})

    def __call__(self, sensor: type[SignalWireSensor], **arguments: Any) -> Any:
        first_reschedule = None
        ti = SimpleNamespace(get_first_reschedule_date=lambda context: first_reschedule)
        while True:
            started = timezone.utcnow()
            try:
                return self.make(sensor, **arguments).execute({"ti": ti})
            except AirflowRescheduleException as reschedule:
                self.reschedules.append(reschedule)
                first_reschedule = first_reschedule or started
                time.sleep(max(0.0, (reschedule.reschedule_date - timezone.utcnow()).total_seconds()))
            except TaskDeferred as deferral:
                self.deferrals.append(deferral)
                event = asyncio.run(_only_event(_rebuilt(deferral.trigger)))
                resumed = self.make(sensor, **arguments)
                return resumed.resume_execution(deferral.method_name, {"event": event}, {"ti": ti})

    @property
    def waited(self) -> bool:
        """Whether the task left its worker as its mode is meant to."""
        return bool(self.deferrals) == (self.mode == "deferrable") and bool(self.reschedules) == (
            self.mode == "reschedule"
        )


@pytest.fixture(params=["poke", "reschedule", "deferrable"])
def sense(request: pytest.FixtureRequest) -> Sensing:
    return Sensing(request.param)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other at once."""
    monkeypatch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)


def _rebuilt(trigger: BaseTrigger) -> BaseTrigger:
    classpath, arguments = trigger.serialize()
    module, _, name = classpath.rpartition(".")
    return getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))


async def _only_event(trigger: BaseTrigger) -> Any:
    [event] = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


@pytest.fixture
def make_subproject(make_connection: Callable[..., str]) -> Iterator[tuple[SimulatorServer, str, str]]:
    """A simulator whose token reaches a subproject, that subproject, and a connection to it."""
    subproject = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000002"
    with SimulatorServer(subprojects=(subproject,), stop_delay_ms=0) as server:
        yield server, subproject, make_connection("signalwire_sub", host=server.url)
