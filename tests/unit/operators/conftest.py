"""Operators run as Airflow runs them, without its database: each step of a task in an instance of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator


def make_context(*, try_number: int = 1, map_index: int = -1) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="calls", task_id="media", map_index=map_index, try_number=try_number)}


@pytest.fixture(params=["sync", "deferred"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


class Stopping:
    """Runs StopCallStreamOperator to its end, in the triggerer's stead too; everything goes through JSON."""

    def __init__(self, mode: str, run_trigger: Callable[..., Any]) -> None:
        self.mode = mode
        self.run_trigger = run_trigger
        self.deferrals: list[TaskDeferred] = []

    def __call__(self, **arguments: Any) -> Any:
        def make_operator() -> StopCallStreamOperator:
            settings = {"wait_for_completion": True, "poll_interval": 0.1, "timeout": 20, **arguments}
            return StopCallStreamOperator(task_id="stop", deferrable=self.mode == "deferred", **settings)

        try:
            return make_operator().execute(make_context())
        except TaskDeferred as deferral:
            self.deferrals.append(deferral)
            event = self.run_trigger(deferral.trigger)
            return make_operator().resume_execution(deferral.method_name, {"event": event}, make_context())


@pytest.fixture
def stop(mode: str, run_trigger: Callable[..., Any]) -> Stopping:
    return Stopping(mode, run_trigger)


@pytest.fixture
def start(connection: str) -> Callable[..., Any]:
    """Run StartCallStreamOperator."""

    def start(*, try_number: int = 1, map_index: int = -1, **arguments: Any) -> Any:
        operator = StartCallStreamOperator(
            task_id="media", **{"url": "wss://media.example.com/stream", "signalwire_conn_id": connection, **arguments}
        )
        return operator.execute(make_context(try_number=try_number, map_index=map_index))

    return start
