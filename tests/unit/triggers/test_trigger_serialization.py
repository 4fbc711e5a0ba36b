"""A trigger lies in Airflow's database, and wakes up in another process, perhaps after a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor
from airflow_provider_signalwire.triggers.call import CallStatusTrigger
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

ARGUMENTS = {
    "call_sid": "call",
    "account_sid": "subproject",
    "signalwire_conn_id": "my_signalwire",
    "poll_interval": 2.5,
    "deadline": 1_800_000_000.5,
    "last_status": "queued",
}
TRIGGERS = [
    CallStreamStoppedTrigger(**ARGUMENTS, stream_sid="stream", ignore_if_missing=True),
    CallStatusTrigger(**ARGUMENTS, target_statuses=["completed", "busy"]),
]

# What the triggerer does with a row of its table; the events go to standard output.
TRIGGERER = """
import asyncio, importlib, json, sys
from airflow.models.trigger import Trigger
row = json.load(sys.stdin)
module, _, name = row["classpath"].rpartition(".")
trigger = getattr(importlib.import_module(module), name)(**Trigger._decrypt_kwargs(row["kwargs"]))
async def run():
    return [event.payload async for event in trigger.run()]
print(json.dumps(asyncio.run(run())))
"""


def run_in_another_process(trigger):
    row = Trigger.from_object(trigger)
    ended = subprocess.run(
        [sys.executable, "-c", TRIGGERER],
        input=json.dumps({"classpath": row.classpath, "kwargs": row.encrypted_kwargs}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    [event] = json.loads(ended.stdout.splitlines()[-1])
    return event


def deferred(task):
    with pytest.raises(TaskDeferred) as caught:
        task.execute({})
    return caught.value


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_comes_back_as_it_was(trigger):
    row = Trigger.from_object(trigger)

    assert row.classpath == f"{type(trigger).__module__}.{type(trigger).__name__}"
    assert type(trigger)(**Trigger._decrypt_kwargs(row.encrypted_kwargs)).serialize() == trigger.serialize()
    assert json.loads(json.dumps(trigger.serialize()[1])) == trigger.serialize()[1]


def test_holds_ids_words_and_numbers_only():
    assert TRIGGERS[0].serialize()[1] == {**ARGUMENTS, "stream_sid": "stream", "ignore_if_missing": True}
    assert TRIGGERS[1].serialize()[1] == {**ARGUMENTS, "target_statuses": ["completed", "busy"]}


def test_holds_no_token_when_a_task_has_deferred_itself(simulator, connection):
    simulator.reset(stop_delay_ms=60_000)
    [call] = simulator.seed(status="in-progress", streams=[{"name": "media"}])
    ids = {"task_id": "wait", "call_sid": call["sid"], "deferrable": True}

    for task in (
        StopCallStreamOperator(**ids, stream_sid="media", wait_for_completion=True),
        CallStreamStatusSensor(**ids, stream_sid="media"),
        CallStatusSensor(**ids, target_statuses=("completed", "busy")),
    ):
        deferral = deferred(task)
        assert simulator.token not in repr(deferral.trigger.serialize())
        assert simulator.token not in repr(vars(deferral))
        assert Trigger.from_object(deferral.trigger).encrypted_kwargs


def test_a_deferred_stop_ends_in_another_process(simulator, connection):
    simulator.reset(stop_delay_ms=200)
    [call] = simulator.seed(streams=[{"name": "media"}])
    stop = {"task_id": "stop", "call_sid": call["sid"], "stream_sid": "media", "wait_for_completion": True}
    deferral = deferred(StopCallStreamOperator(**stop, poll_interval=0.1, deferrable=True))

    event = run_in_another_process(deferral.trigger)
    record = StopCallStreamOperator(**stop).resume_execution(deferral.method_name, {"event": event}, {})

    assert record == simulator.state.stop_stream(simulator.project, call["sid"], "media", {"Status": "stopped"})
    assert record["status"] == "stopped"


def test_a_deadline_that_passed_while_no_triggerer_ran_is_a_timeout(simulator, connection):
    [call] = simulator.seed(status="ringing")
    wait = {"task_id": "wait", "call_sid": call["sid"], "timeout": 0.2}
    deferral = deferred(CallStatusSensor(**wait, poke_interval=0.1, deferrable=True))
    deadline = deferral.trigger.serialize()[1]["deadline"]
    simulator.reset()

    event = run_in_another_process(deferral.trigger)  # starting it takes longer than the timeout

    assert time.time() > deadline
    with pytest.raises(AirflowSensorTimeout, match=f"{call['sid']}.*'ringing'"):
        CallStatusSensor(**wait).resume_execution(deferral.method_name, {"event": event}, {})
    assert simulator.requests() == []
