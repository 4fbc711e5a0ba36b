"""Waiting until a call has reached a status: by reading it, never by writing."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_signalwire.exceptions import (
    SignalWireCallEndedError,
    SignalWireConfigurationError,
    SignalWireNotFoundError,
)
from airflow_provider_signalwire.sensors.call import CallStatusSensor

LOOKS = {"method": "GET", "path_contains": "/Calls/"}


def answers(*statuses):
    return [{"match": LOOKS, "kind": "patch", "set": {"status": status}} for status in statuses]


@pytest.fixture
def call_sid(simulator, connection):
    [call] = simulator.seed(status="completed")
    return call["sid"]


def test_waits_for_the_call_to_be_completed_and_returns_its_record(simulator, sense, call_sid):
    simulator.set_faults(answers("queued", "ringing", "in-progress"))

    record = sense(CallStatusSensor, call_sid=call_sid)

    assert record == simulator.state.call(simulator.project, call_sid)
    assert record["status"] == "completed"
    assert [request["method"] for request in simulator.requests()] == ["GET"] * 4
    assert sense.waited


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress", "completed", "canceled", "busy", "failed"])
def test_any_status_can_be_waited_for(simulator, sense, connection, status):
    [call] = simulator.seed(status=status)

    assert sense(CallStatusSensor, call_sid=call["sid"], target_statuses=[status])["status"] == status
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_one_of_several_statuses_is_enough(simulator, sense, call_sid, status):
    simulator.set_faults(answers("ringing", status))

    targets = ("in-progress", "busy", "no-answer", "failed")
    assert sense(CallStatusSensor, call_sid=call_sid, target_statuses=targets)["status"] == status
    assert sense.waited


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("looks_before", [0, 1])
@pytest.mark.parametrize("status", ["busy", "no-answer"])
def test_a_call_that_ended_otherwise_fails_at_once(simulator, sense, call_sid, status, looks_before, soft_fail):
    simulator.set_faults(answers(*["ringing"] * looks_before, status))

    with pytest.raises(SignalWireCallEndedError, match=rf"ended as '{status}'.*'completed'.*target_statuses") as caught:
        sense(CallStatusSensor, call_sid=call_sid, soft_fail=soft_fail)

    assert isinstance(caught.value, AirflowFailException)
    assert call_sid in str(caught.value)
    assert len(simulator.requests()) == looks_before + 1


def test_waiting_for_a_state_that_has_been_passed_fails_at_once(simulator, sense, call_sid):
    with pytest.raises(SignalWireCallEndedError, match="'in-progress' or 'ringing'"):
        sense(CallStatusSensor, call_sid=call_sid, target_statuses=["in-progress", "ringing"])


def test_an_unknown_call_fails_at_once(simulator, sense, connection):
    with pytest.raises(SignalWireNotFoundError):
        sense(CallStatusSensor, call_sid="gone")

    assert len(simulator.requests()) == 1


def test_gives_up_at_the_timeout(simulator, sense, connection):
    [call] = simulator.seed(status="ringing")

    with pytest.raises(AirflowSensorTimeout) as caught:
        sense(CallStatusSensor, call_sid=call["sid"], timeout=0.25)

    for part in (call["sid"], "'completed'", "'ringing'"):
        assert part in str(caught.value)


@pytest.mark.parametrize("targets", [(), [], "completed", ["complete"], ["completed", "stopped"], [None], None])
def test_targets_that_no_call_can_reach_are_refused_when_the_task_is_made(targets):
    with pytest.raises(SignalWireConfigurationError, match="target_statuses"):
        CallStatusSensor(task_id="wait", call_sid="call", target_statuses=targets)


@pytest.mark.parametrize("value", ["", " ", "..", "a/b"], ids=repr)
def test_a_call_sid_that_cannot_be_one_is_refused_unsent(simulator, sense, connection, value):
    with pytest.raises(SignalWireConfigurationError, match="call_sid"):
        sense(CallStatusSensor, call_sid=value)

    assert simulator.requests() == []
