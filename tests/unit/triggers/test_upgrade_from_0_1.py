"""Tasks that version 0.1 deferred end under this version: its trigger rows run, and its events are understood.

Rows and events are copied from runs of 0.1 against the simulator, with other ids. Do not adapt them to the code: what
is stored in the databases of users does not change.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import AirflowException
from task_runner import only_event

from airflow_provider_signalwire.exceptions import SignalWireNotFoundError
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

CALL_SID = "905f88bc-f761-4567-8eb0-5242499d0c6f"
PROJECT_ID = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000001"
STREAM_SID = "ac475ede-b30f-40fe-8679-1212810f2e28"

STREAM_ROW = (
    "airflow_provider_signalwire.triggers.call_stream.CallStreamStoppedTrigger",
    {
        "call_sid": CALL_SID,
        "account_sid": None,
        "signalwire_conn_id": "signalwire_default",
        "poll_interval": 5,
        "deadline": 1795690422.6783307,
        "last_status": "in-progress",
        "stream_sid": STREAM_SID,
        "ignore_if_missing": False,
    },
)
CALL_ROW = (
    "airflow_provider_signalwire.triggers.call.CallStatusTrigger",
    {
        "call_sid": CALL_SID,
        "account_sid": None,
        "signalwire_conn_id": "signalwire_default",
        "poll_interval": 60.0,
        "deadline": 1795690422.6783307,
        "last_status": "ringing",
        "target_statuses": ["in-progress"],
    },
)

STREAM_RECORD = {
    "sid": STREAM_SID,
    "account_sid": PROJECT_ID,
    "call_sid": CALL_SID,
    "name": "media",
    "status": "stopped",
    "date_updated": "Thu, 26 Nov 2026 10:53:40 +0000",
    "uri": f"/api/laml/2010-04-01/Accounts/{PROJECT_ID}/Calls/{CALL_SID}/Streams/{STREAM_SID}.json",
}
CALL_RECORD = {"sid": CALL_SID, "status": "completed", "duration": 0, "price": None}
NOT_FOUND_EVENT = {
    "status": "error",
    "error": "SignalWireNotFoundError",
    "message": f"Tried to stop stream 'media' on call '{CALL_SID}': SignalWire answered 404 Not Found, code 20404.",
    "attributes": {
        "http_status": 404,
        "code": 20404,
        "message": "The requested resource was not found: stream media.",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "request_id": "c3ada9f4-da43-44a8-b4dc-a60c89312dda",
    },
}
TIMEOUT_EVENT = {
    "status": "error",
    "error": "SignalWireTimeoutError",
    "message": f"Gave up waiting for call '{CALL_SID}' to be 'busy': its last status was 'in-progress'.",
    "attributes": {},
}


def stop(**changes: Any) -> StopCallStreamOperator:
    fields = {"call_sid": CALL_SID, "stream_sid": STREAM_SID, "wait_for_completion": True, "deferrable": True}
    return StopCallStreamOperator(task_id="stop", **{**fields, **changes})


def stream_sensor() -> CallStreamStatusSensor:
    return CallStreamStatusSensor(task_id="wait", call_sid=CALL_SID, stream_sid=STREAM_SID, deferrable=True)


def call_sensor() -> CallStatusSensor:
    return CallStatusSensor(task_id="wait", call_sid=CALL_SID, target_statuses=["completed"], deferrable=True)


def resume(task: Any, event: dict[str, Any]) -> Any:
    """Resume a deferred task as Airflow does, with the method and the arguments that 0.1 deferred it with."""
    return task.resume_execution("execute_complete", {"event": json.loads(json.dumps(event))}, {})


def stored(row: tuple[str, dict[str, Any]], **changes: Any) -> Any:
    """The trigger that the triggerer makes from a row of the database."""
    classpath, arguments = row
    written = Trigger(classpath=classpath, kwargs={**arguments, **changes})
    module, _, name = written.classpath.rpartition(".")
    return getattr(importlib.import_module(module), name)(**written.kwargs)


async def test_stored_rows_end_with_the_stopped_stream_and_the_call(simulator, stream, clock):
    event = await only_event(stored(STREAM_ROW, **stream, deadline=clock.now + 150))
    assert event["record"]["status"] == "stopped"
    assert resume(stop(**stream), event) == event["record"]
    event = await only_event(stored(CALL_ROW, call_sid=stream["call_sid"], deadline=clock.now + 150))
    assert event["record"]["status"] == "in-progress"


@pytest.mark.parametrize(
    ("task", "record"),
    [
        (stop(), STREAM_RECORD),
        (stop(stream_sid="media"), STREAM_RECORD),
        (stop(stream_sid="media"), {**STREAM_RECORD, "sid": "media", "name": None}),  # after the call's end
        (stop(ignore_if_missing=True), None),
        (stream_sensor(), STREAM_RECORD),
        (call_sensor(), CALL_RECORD),
    ],
)
def test_stored_record_is_the_result(task, record):
    assert resume(task, {"status": "success", "record": record}) == record


def test_stored_refusal_is_raised_with_every_attribute_of_this_version():
    with pytest.raises(SignalWireNotFoundError, match="404 Not Found") as caught:
        resume(stop(), NOT_FOUND_EVENT)
    assert (caught.value.http_status, caught.value.retry_after) == (404, None)


@pytest.mark.parametrize("task", [stop(), stream_sensor(), call_sensor()])
def test_stored_timeout_is_raised_as_a_timeout(task):
    with pytest.raises(AirflowException, match="its last status was 'in-progress'") as caught:
        resume(task, TIMEOUT_EVENT)
    assert "Timeout" in type(caught.value).__name__
