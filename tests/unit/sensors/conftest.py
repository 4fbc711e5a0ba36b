"""Sensors run as Airflow runs them, without its database: each step of a task in an instance of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred, timezone
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_signalwire.sensors.base import SignalWireSensor

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowRescheduleException


TASK_INSTANCE = {"dag_id": "dag", "task_id": "wait", "run_id": "run", "map_index": -1, "max_tries": 0}


class Sensing:
    """Runs a sensor to its end, in the scheduler's and the triggerer's stead too; events go through JSON."""

    def __init__(self, mode: str, run_trigger: Callable[..., Any]) -> None:
        self.mode = mode
        self.run_trigger = run_trigger
        self.deferrals: list[TaskDeferred] = []
        self.reschedules: list[AirflowRescheduleException] = []
        self.first_reschedule: datetime | None = None

    def make(self, sensor: type[SignalWireSensor], **arguments: Any) -> SignalWireSensor:
        mode = {"deferrable": True} if self.mode == "deferrable" else {"mode": self.mode}
        return sensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 20, **mode, **arguments})

    def __call__(self, sensor: type[SignalWireSensor], **arguments: Any) -> Any:
        self.first_reschedule = None
        ti = SimpleNamespace(get_first_reschedule_date=lambda context: self.first_reschedule, **TASK_INSTANCE)
        while True:
            started = timezone.utcnow()
            try:
                return self.make(sensor, **arguments).execute({"ti": ti})
            except AirflowRescheduleException as reschedule:
                self.reschedules.append(reschedule)
                self.first_reschedule = self.first_reschedule or started
                time.sleep(max(0.0, (reschedule.reschedule_date - timezone.utcnow()).total_seconds()))
            except TaskDeferred as deferral:
                self.deferrals.append(deferral)
                event = self.run_trigger(deferral.trigger)
                resumed = self.make(sensor, **arguments)
                return resumed.resume_execution(deferral.method_name, {"event": event}, {"ti": ti})

    @property
    def waited(self) -> bool:
        """Whether the task left its worker as its mode is meant to."""
        return bool(self.deferrals) == (self.mode == "deferrable") and bool(self.reschedules) == (
            self.mode == "reschedule"
        )


@pytest.fixture(params=["poke", "reschedule", "deferrable"])
def sense(request: pytest.FixtureRequest, run_trigger: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Sensing:
    sensing = Sensing(request.param, run_trigger)
    if not AIRFLOW_V_3_0_PLUS:  # Airflow 2 looks into its database for what Airflow 3 asks the task instance
        monkeypatch.setattr("airflow.sensors.base._orig_start_date", lambda **_: sensing.first_reschedule)
    return sensing
