"""One line in the log for a stop: what happened to which stream, and what SignalWire's support asks for."""

from __future__ import annotations

import re
from functools import partial

import pytest
from simulated import stop_returns

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor


@pytest.mark.parametrize("task_class", [StopCallStreamOperator, CallStreamStatusSensor])
def test_stop_is_one_line_with_its_details(simulator, stream, read_log, task_class):
    task_class(task_id="task", **stream).execute({})
    log = read_log()
    assert f"Stream is stopped: '{stream['stream_sid']}' ('media') on call '{stream['call_sid']}'. Stop: " in log
    assert f"request id {simulator.requests()[0]['request_id']}." in log
    assert log.count("Stream is ") == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_wait_has_a_line_for_each_new_status(simulator, stream, read_log, run_task, deferrable):
    simulator.set_faults(stop_returns("queued", "queued", "in-progress"))
    options = {"wait_for_completion": True, "deferrable": deferrable}
    run_task(partial(StopCallStreamOperator, task_id="stop", **stream, **options))
    assert sorted(re.findall(r"Stream is ([\w-]+): ", read_log())) == ["in-progress", "queued", "stopped"]
