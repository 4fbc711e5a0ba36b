"""Operators run as Airflow runs them, without its database: each step of a task in an instance of its own."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.triggers.base import BaseTrigger

from airflow_provider_signalwire.client import retrying, starting
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.simulator.server import SimulatorServer


def make_context(*, try_number: int = 1, map_index: int = -1) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="calls", task_id="media", map_index=map_index, try_number=try_number)}


@pytest.fixture(params=["sync", "deferred"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


class Stopping:
    """Runs StopCallStreamOperator to its end, in the triggerer's stead too; everything goes through JSON."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.deferrals: list[TaskDeferred] = []

    def __call__(self, **arguments: Any) -> Any:
        def make_operator() -> StopCallStreamOperator:
            settings = {"wait_for_completion": True, "poll_interval": 0.1, "timeout": 20, **arguments}
            return StopCallStreamOperator(task_id="stop", deferrable=self.mode == "deferred", **settings)

        try:
            return make_operator().execute(make_context())
        except TaskDeferred as deferral:
            self.deferrals.append(deferral)
            event = asyncio.run(_only_event(_rebuilt(deferral.trigger)))
            return make_operator().resume_execution(deferral.method_name, {"event": event}, make_context())


@pytest.fixture
def stop(mode: str) -> Stopping:
    return Stopping(mode)


@pytest.fixture
def start(connection: str) -> Callable[..., Any]:
    """Run StartCallStreamOperator."""

    def start(*, try_number: int = 1, map_index: int = -1, **arguments: Any) -> Any:
        operator = StartCallStreamOperator(
            task_id="media", **{"url": "wss://media.example.com/stream", "signalwire_conn_id": connection, **arguments}
        )
        return operator.execute(make_context(try_number=try_number, map_index=map_index))

    return start


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other at once."""
    monkeypatch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
    monkeypatch.setattr(starting, "random", SimpleNamespace(uniform=lambda low, high: 0.0))


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
