"""Runs a task as Airflow does, but without Airflow's database: each step with a new operator instance."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.triggers.base import BaseTrigger
from clock import Clock

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowRescheduleException

START_OF_A_PROCESS = 0.01


class TaskStateStore:
    """What Airflow's task state store offers to a task; values must fit into JSON."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.entries.get(key, "null"))

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.entries[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.entries.pop(key, None)


class TaskRunner:
    """Runs tasks as the worker, the scheduler and the triggerer do.

    :param clock: Passes the time between two steps.
    :ivar events: The payloads of the triggers' events.
    :ivar pushed: What the task pushed to XCom, in order.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.deferrals: list[TaskDeferred] = []
        self.events: list[Any] = []
        self.reschedules: list[AirflowRescheduleException] = []
        self.first_reschedule: datetime | None = None
        self.pushed: list[tuple[str, Any]] = []
        self.store = TaskStateStore()

    def context(self, **changes: Any) -> dict[str, Any]:
        values = {"dag_id": "calls", "task_id": "task", "run_id": "run", "map_index": -1, "try_number": 1}
        ti = SimpleNamespace(
            **{**values, "max_tries": 0, **changes},
            get_first_reschedule_date=lambda context: self.first_reschedule,
            xcom_push=lambda *, key, value: self.pushed.append((key, value)),
        )
        return {"ti": ti, "task_state_store": self.store}

    def __call__(self, make_task: Callable[[], Any]) -> Any:
        """Run the task to its end; return what it returns."""
        self.first_reschedule = None
        while True:
            started = self.clock.utcnow()
            try:
                return make_task().execute(self.context())
            except AirflowRescheduleException as reschedule:
                self.reschedules.append(reschedule)
                self.first_reschedule = self.first_reschedule or started
                self.clock.sleep((reschedule.reschedule_date - self.clock.utcnow()).total_seconds())
                self.clock.now += START_OF_A_PROCESS
            except TaskDeferred as deferral:
                self.deferrals.append(deferral)
                event = run_trigger(deferral.trigger)
                self.events.append(event)
                return make_task().resume_execution(deferral.method_name, {"event": event}, self.context())


def run_trigger(trigger: BaseTrigger) -> Any:
    """Run a trigger as the triggerer does, rebuilt from what is stored in the database; return its only event."""
    return asyncio.run(only_event(rebuild(trigger)))


def rebuild(trigger: BaseTrigger) -> BaseTrigger:
    """Return the trigger that the triggerer makes from the database's row."""
    classpath, arguments = trigger.serialize()
    module, _, name = classpath.rpartition(".")
    rebuilt: BaseTrigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    return rebuilt


async def only_event(trigger: BaseTrigger) -> Any:
    """Return the payload of the one event that a trigger sends, as the task receives it."""
    [event] = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))
