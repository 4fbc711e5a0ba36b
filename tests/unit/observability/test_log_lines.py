"""One line in the log for a stop: what happened to which stream, and what SignalWire's support asks for."""

from __future__ import annotations

import re

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from simulated import stop_returns
from task_runner import run_trigger

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

LINE = re.compile(
    r"Stream is (?P<status>[\w ()-]+): '(?P<sid>[^']+)'(?: \('(?P<name>[^']+)'\))? on call '(?P<call>[^']+)'\. "
    r"Stop: attempts (?P<attempts>\d+), (?P<milliseconds>\d+) ms, request id (?P<request_id>[\w-]+)\."
)


@pytest.fixture
def stop_lines(read_log):
    """Return the log lines about stops since the last reading."""
    return lambda: list(LINE.finditer(read_log()))


def request_ids(simulator):
    return [request["request_id"] for request in simulator.requests() if request["method"] == "POST"]


def stop(stream, **arguments):
    return StopCallStreamOperator(task_id="stop", **stream, **arguments)


@pytest.mark.parametrize("task", [stop, lambda stream: CallStreamStatusSensor(task_id="wait", **stream)])
def test_stop_is_one_line_with_its_details(simulator, connection, stream, stop_lines, task):
    task(stream).execute({})
    [line] = stop_lines()
    assert (line["status"], line["sid"], line["call"]) == ("stopped", stream["stream_sid"], stream["call_sid"])
    assert (line["name"], line["attempts"], [line["request_id"]]) == ("media", "1", request_ids(simulator))


@pytest.mark.parametrize("deferrable", [False, True])
def test_wait_has_a_line_for_each_new_status(simulator, connection, stream, stop_lines, clock, deferrable):
    simulator.set_faults(stop_returns("queued", "queued", "in-progress"))
    operator = stop(stream, wait_for_completion=True, deferrable=deferrable)
    if deferrable:
        with pytest.raises(TaskDeferred) as deferral:
            operator.execute({})
        assert run_trigger(deferral.value.trigger)["status"] == "success"
    else:
        operator.execute({})
    assert sorted(line["status"] for line in stop_lines()) == ["in-progress", "queued", "stopped"]
