"""Each way as Airflow goes it, without its database: every step of a task in an instance of its own."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    TaskDeferred,
)
from fault_secrets import BEARER, URL_KEY
from fault_stage import STREAM_NAME, Scene

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator, StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowRescheduleException

MakeOperator = Callable[[], BaseOperator]


def operator_of(way: str, scene: Scene, connection: str) -> BaseOperator:
    """Return the operator of a way, to be run on a scene."""
    call_sid = scene.call_sids[0]
    stream = {"call_sid": call_sid, "stream_sid": (scene.stream_sids or [""])[0]}
    waiting = {"wait_for_completion": True, "poll_interval": 0.1}
    # One after another, so that it is known which request is which.
    one_by_one = {"max_concurrency": 1}
    makers: dict[str, Callable[..., BaseOperator]] = {
        "stop": lambda **task: StopCallStreamOperator(**stream, **task),
        "stop, waiting": lambda **task: StopCallStreamOperator(**stream, **waiting, **task),
        "stop, deferred": lambda **task: StopCallStreamOperator(**stream, **waiting, deferrable=True, **task),
        "sensor, poke": lambda **task: CallStreamStatusSensor(**stream, poke_interval=0.01, **task),
        "sensor, reschedule": lambda **task: CallStreamStatusSensor(
            **stream, poke_interval=0.01, mode="reschedule", **task
        ),
        "sensor, deferrable": lambda **task: CallStreamStatusSensor(
            **stream, poke_interval=0.01, deferrable=True, **task
        ),
        "call sensor": lambda **task: CallStatusSensor(call_sid=call_sid, poke_interval=0.01, **task),
        "batch": lambda **task: StopCallStreamsOperator(
            streams=[
                {"call_sid": call, "stream_sid": stream}
                for call, stream in zip(scene.call_sids, scene.stream_sids, strict=True)
            ],
            **one_by_one,
            **task,
        ),
        "cleanup": lambda **task: CallStreamCleanupOperator(
            stream_names=[STREAM_NAME], min_call_age=60, **one_by_one, **task
        ),
        "start": lambda **task: StartCallStreamOperator(
            call_sid=call_sid,
            url=f"wss://media.example.com/stream?key={quote(URL_KEY, safe='')}",
            name=STREAM_NAME,
            authorization_bearer_token=BEARER,
            **task,
        ),
    }
    return makers[way](task_id="task", signalwire_conn_id=connection)


class Task:
    """Runs a task to its end, in the scheduler's and the triggerer's stead too.

    :param make_operator: makes the operator, for each step anew
    """

    def __init__(self, make_operator: MakeOperator) -> None:
        self._make_operator = make_operator
        self.error: Exception | None = None
        # What Airflow would have written into its database.
        self.stored: list[Any] = []
        # How it left its worker to be resumed later.
        self.left: list[str] = []
        self._ti = SimpleNamespace(
            dag_id="dag",
            task_id="task",
            run_id="run",
            map_index=-1,
            try_number=1,
            max_tries=0,
            xcom_push=lambda key, value: self.stored.append(value),
            get_first_reschedule_date=lambda context: None,
        )

    def _execute(self) -> Any:
        return self._make_operator().execute({"ti": self._ti})

    def run(self) -> str:
        """Run the task and return the state it ends in."""
        step: Callable[[], Any] = self._execute
        while True:
            try:
                self.stored.append(step())
            except TaskDeferred as deferral:
                self.left.append("deferred")
                step = self._resumption(deferral)
            except AirflowRescheduleException:
                self.left.append("rescheduled")
            except Exception as error:
                self.error = error
                return _state_after(error)
            else:
                return "success"

    def _resumption(self, deferral: TaskDeferred) -> Callable[[], Any]:
        classpath, arguments = deferral.trigger.serialize()
        module, _, name = classpath.rpartition(".")
        trigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
        event = json.loads(json.dumps(asyncio.run(_only_event(trigger))))
        self.stored += [arguments, event]
        return lambda: self._make_operator().resume_execution(deferral.method_name, {"event": event}, {"ti": self._ti})


def _state_after(error: Exception) -> str:
    """Return the state that Airflow gives to a task with retries; ``test_fault_matrix_in_airflow`` proves it."""
    if isinstance(error, AirflowSkipException):
        return "skipped"
    return "failed" if isinstance(error, (AirflowFailException, AirflowSensorTimeout)) else "up_for_retry"


async def _only_event(trigger: Any) -> Any:
    [event] = [event async for event in trigger.run()]
    return event.payload
