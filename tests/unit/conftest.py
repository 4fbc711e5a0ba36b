"""What the tests of operators, sensors and triggers share."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_signalwire.client.flows import start as starting
from airflow_provider_signalwire.client.policy import retry as retrying
from airflow_provider_signalwire.simulator.server import SimulatorServer


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other at once."""
    monkeypatch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
    monkeypatch.setattr(starting, "random", SimpleNamespace(uniform=lambda low, high: 0.0))


@pytest.fixture
def make_subproject(make_connection: Callable[..., str]) -> Iterator[tuple[SimulatorServer, str, str]]:
    """A simulator whose token reaches a subproject, that subproject, and a connection to it."""
    subproject = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000002"
    with SimulatorServer(subprojects=(subproject,), stop_delay_ms=0) as server:
        yield server, subproject, make_connection("signalwire_sub", host=server.url)


@pytest.fixture
def run_trigger() -> Callable[[BaseTrigger], Any]:
    """Run a trigger as the triggerer does, rebuilt from what lies in the database; return its only event."""
    return lambda trigger: asyncio.run(_only_event(_rebuilt(trigger)))


def _rebuilt(trigger: BaseTrigger) -> BaseTrigger:
    classpath, arguments = trigger.serialize()
    module, _, name = classpath.rpartition(".")
    rebuilt: BaseTrigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    return rebuilt


async def _only_event(trigger: BaseTrigger) -> Any:
    [event] = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))
