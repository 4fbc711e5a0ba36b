"""Sensors: what they do beyond polling. That every mode ends alike is tested in test_waits_agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from simulated import http_status, running, stop_always_returns, stop_returns

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.client.transport import sync_client
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireError,
    SignalWireRequestError,
)
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

MODES = {"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}
every_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
not_rescheduled = pytest.mark.parametrize("mode", [MODES["poke"], MODES["deferrable"]], ids=["poke", "deferrable"])
NEVER_STOPS = stop_always_returns("in-progress")


@pytest.fixture
def sense(run_task, stream):
    """Run a CallStreamStatusSensor to its end."""

    def sense(mode, **arguments):
        arguments = {"task_id": "task", "poke_interval": 60, "timeout": 150, **stream, **mode, **arguments}
        return run_task(lambda: CallStreamStatusSensor(**arguments))

    return sense


@every_mode
@pytest.mark.parametrize(
    ("option", "faults", "error"),
    [
        ("soft_fail", [NEVER_STOPS], AirflowSkipException),
        ("never_fail", [NEVER_STOPS], AirflowSkipException),
        ("soft_fail", [http_status(401)], SignalWireAuthenticationError),
        ("soft_fail", [*stop_returns("queued"), http_status(401)], SignalWireAuthenticationError),
        ("never_fail", [http_status(401)], AirflowSkipException),
        ("never_fail", [*stop_returns("queued"), http_status(401)], AirflowSkipException),
    ],
)
def test_soft_fail_skips_on_timeouts_and_never_fail_on_any_error(simulator, sense, mode, option, faults, error):
    simulator.set_faults(faults)
    with pytest.raises(error):
        sense(mode, **{option: True})


@every_mode
@pytest.mark.parametrize("polls_before", [0, 1])
def test_silent_fail_polls_on_after_an_error_that_does_not_end_the_task(simulator, sense, mode, polls_before):
    # A redirect is neither transient nor among the errors that Airflow must not retry.
    redirect = {"kind": "redirect", "location": "https://example.com/", "match": {"path_contains": "/Streams/"}}
    simulator.set_faults([*stop_returns("queued")[:polls_before], redirect])
    assert sense(mode, silent_fail=True)["status"] == "stopped"
    simulator.set_faults([*stop_returns("queued")[:polls_before], http_status(422)])
    with pytest.raises(SignalWireRequestError):
        sense(mode, silent_fail=True)


@not_rescheduled
def test_timeout_of_zero_polls_once(simulator, sense, mode):
    simulator.set_faults([NEVER_STOPS])
    with pytest.raises(AirflowSensorTimeout, match="at the deadline: its last status was 'in-progress'"):
        sense(mode, timeout=0)
    assert len(simulator.requests("/Streams/")) == 1


@not_rescheduled
def test_exponential_backoff_doubles_the_interval_up_to_max_wait(simulator, sense, run_task, mode):
    simulator.set_faults([NEVER_STOPS])
    with pytest.raises(AirflowSensorTimeout):
        sense(mode, poke_interval=10, exponential_backoff=True, max_wait=timedelta(seconds=40), timeout=140)
    assert [round(pause) for pause in run_task.clock.pauses] == [10, 20, 40, 40, 30]


def test_reschedule_mode_forgets_what_it_learned_about_another_stream(simulator, sense, run_task):
    [call] = simulator.seed(streams=[{"name": "old"}])
    simulator.set_faults(stop_returns("queued", "queued"))
    sense(MODES["reschedule"], call_sid=call["sid"], stream_sid=call["streams"][0]["sid"])

    record = sense(MODES["reschedule"])  # cleared, and its start, too

    assert running(simulator) == []
    assert record["call_sid"] != call["sid"]


def test_reschedule_mode_applies_max_wait(simulator, sense, run_task):
    simulator.set_faults([NEVER_STOPS])
    with pytest.raises(AirflowSensorTimeout):
        sense(MODES["reschedule"], poke_interval=10, exponential_backoff=True, max_wait=40, timeout=300)
    assert max(run_task.clock.pauses) == pytest.approx(40)


def test_execution_timeout_ends_a_deferred_wait_as_a_task_timeout(simulator, sense, run_task):
    simulator.set_faults([NEVER_STOPS])
    with pytest.raises(AirflowTaskTimeout, match=r"'in-progress'.*Raise 'execution_timeout'"):
        sense(MODES["deferrable"], execution_timeout=timedelta(seconds=100), soft_fail=True)
    assert [round(pause) for pause in run_task.clock.pauses] == [60, 40]


def test_poke_mode_stops_polling_when_airflow_ends_the_task(simulator, stream, context, monkeypatch):
    def time_out(seconds):
        raise AirflowTaskTimeout("Timed out")

    simulator.set_faults([NEVER_STOPS])
    monkeypatch.setattr(sync_client.time, "sleep", time_out)
    sensor = CallStreamStatusSensor(task_id="wait", **stream, poke_interval=60, timeout=100, never_fail=True)
    with pytest.raises(AirflowTaskTimeout):
        sensor.execute(context)
    sensor.on_kill()
    assert len(simulator.requests()) == 2


def test_deadline_counts_from_before_the_first_poll(simulator, stream, context, clock, monkeypatch):
    simulator.set_faults([NEVER_STOPS])
    send = sync_client.SignalWireClient.run

    def slow(client, flow):
        clock.now += 7
        return send(client, flow)

    monkeypatch.setattr(sync_client.SignalWireClient, "run", slow)
    began = clock.now
    sensor = CallStreamStatusSensor(task_id="wait", **stream, timeout=100, poke_interval=0, deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    arguments = deferral.value.trigger.serialize()[1]
    assert arguments["deadline"] == began + 100
    assert arguments["poll_interval"] == 0.1  # the triggerer must not spin
    assert arguments["last_status"] == "in-progress"
    assert deferral.value.timeout == timedelta(seconds=93 + 60)  # Airflow's timeout is the backstop


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize(
    ("method", "arguments", "error", "message"),
    [
        ("__fail__", {"error": "Trigger timeout"}, AirflowSensorTimeout, "Trigger timeout"),
        ("__fail__", {"error": "Trigger failure", "traceback": ["KeyError\n"]}, AirflowException, "Trigger failure"),
        ("execute_complete", None, SignalWireError, "does not fit this task"),
        ("execute_complete", {"event": {"status": "stopped"}}, SignalWireError, "does not fit this task"),
    ],
    ids=["backstop timeout", "crashed trigger", "no event", "unknown event"],
)
def test_wait_that_cannot_be_resumed_fails_and_only_a_timeout_is_skipped(method, arguments, error, message, soft_fail):
    skips = soft_fail and error is AirflowSensorTimeout
    for sensor in (
        CallStreamStatusSensor(task_id="wait", call_sid="c", stream_sid="s", soft_fail=soft_fail),
        CallStatusSensor(task_id="wait", call_sid="c", soft_fail=soft_fail),
    ):
        with pytest.raises(AirflowSkipException if skips else error, match=None if skips else message) as caught:
            sensor.resume_execution(method, arguments, {})
        assert isinstance(caught.value, AirflowSkipException) is skips


def test_skip_raised_by_a_subclass_stays_a_skip(stream, context):
    class Skipping(CallStreamStatusSensor):
        def finish(self, result):
            raise AirflowSkipException("Not today.") from ValueError("why")

    with pytest.raises(AirflowSkipException, match="Not today"):
        Skipping(task_id="wait", **stream).execute(context)


@pytest.mark.parametrize(
    "targets", [(), [], "completed", ["complete"], ["completed", "stopped"], [None], None, 5, True]
)
def test_call_sensor_refuses_statuses_that_no_call_can_have(targets):
    with pytest.raises(SignalWireConfigurationError, match="'target_statuses'"):
        CallStatusSensor(task_id="wait", call_sid="call", target_statuses=targets)


def test_call_sensor_accepts_every_documented_status():
    statuses = ["queued", "ringing", "in-progress", "completed", "canceled", "busy", "failed", "no-answer"]
    sensor = CallStatusSensor(task_id="wait", call_sid="call", target_statuses=statuses)
    assert sensor.target_statuses == statuses


def test_stream_sensor_says_once_that_polling_stops_the_stream(simulator, sense, read_log):
    simulator.set_faults(stop_returns("queued", "queued"))
    sense(MODES["poke"])
    assert read_log().count("This sensor stops the stream that it waits for") == 1
    assert "Polling stops the stream" in CallStreamStatusSensor.__doc__
