"""Sensors: what they do beyond polling. That every mode ends alike is tested in test_waits_agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from simulated import READS, call_returns, http_status, running, stop_always_returns, stop_returns

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


def deferral_of(sensor, context):
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    return caught.value


@every_mode
def test_record_is_returned_unchanged(simulator, sense, stream, mode):
    simulator.set_faults(
        [*stop_returns("queued"), {"kind": "patch", "set": {"new_key": [1, None]}, "match": {}, "skip": 1}]
    )
    record = sense(mode)
    expected = simulator.state.stop_stream(simulator.project, *stream.values(), {"Status": "stopped"})
    assert record == {**expected, "new_key": [1, None]}


@every_mode
@pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
def test_timeout_is_a_skip_if_configured(simulator, sense, mode, option):
    simulator.set_faults([NEVER_STOPS])
    with pytest.raises(AirflowSkipException):
        sense(mode, **{option: True})


@every_mode
@pytest.mark.parametrize("polls_before", [0, 1])
@pytest.mark.parametrize(
    ("option", "error"), [("soft_fail", SignalWireAuthenticationError), ("never_fail", AirflowSkipException)]
)
def test_only_never_fail_skips_on_real_errors(simulator, sense, mode, polls_before, option, error):
    simulator.set_faults([*stop_returns("queued")[:polls_before], http_status(401)])
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
    deferral = deferral_of(sensor, context)
    arguments = deferral.trigger.serialize()[1]
    assert arguments["deadline"] == began + 100
    assert arguments["poll_interval"] == 0.1  # the triggerer must not spin
    assert arguments["last_status"] == "in-progress"
    assert deferral.timeout == timedelta(seconds=93 + 60)  # Airflow's timeout is the backstop


@pytest.mark.parametrize("soft_fail", [False, True])
def test_backstop_timeout_is_a_sensor_timeout(soft_fail):
    sensor = CallStreamStatusSensor(task_id="wait", call_sid="c", stream_sid="s", soft_fail=soft_fail)
    with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {})


@pytest.mark.parametrize("soft_fail", [False, True])
def test_crashed_trigger_fails_the_task(soft_fail):
    sensor = CallStreamStatusSensor(task_id="wait", call_sid="c", stream_sid="s", soft_fail=soft_fail)
    with pytest.raises(AirflowException, match="Trigger failure") as caught:
        sensor.resume_execution("__fail__", {"error": "Trigger failure", "traceback": ["KeyError: 'x'\n"]}, {})
    assert not isinstance(caught.value, AirflowSkipException)


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("kwargs", [None, {"event": {"status": "stopped"}}], ids=repr)
def test_unknown_event_fails_the_task(soft_fail, kwargs):
    for sensor in (
        CallStreamStatusSensor(task_id="wait", call_sid="c", stream_sid="s", soft_fail=soft_fail),
        CallStatusSensor(task_id="wait", call_sid="c", soft_fail=soft_fail),
    ):
        with pytest.raises(SignalWireError, match="does not fit this task"):
            sensor.resume_execution("execute_complete", kwargs, {})


def test_skip_raised_by_a_subclass_stays_a_skip(stream, context):
    class Skipping(CallStreamStatusSensor):
        def finish(self, result):
            raise AirflowSkipException("Not today.") from ValueError("why")

    with pytest.raises(AirflowSkipException, match="Not today"):
        Skipping(task_id="wait", **stream).execute(context)


def test_call_sensor_only_reads_and_logs_each_status_once(simulator, connection, run_task, caplog):
    caplog.set_level("INFO")
    [call] = simulator.seed(status="completed")
    simulator.set_faults(call_returns("ringing", "ringing", "in-progress"))
    record = run_task(lambda: CallStatusSensor(task_id="wait", call_sid=call["sid"]))
    assert record == simulator.state.call(simulator.project, call["sid"])
    assert {request["method"] for request in simulator.requests()} == {"GET"}
    waiting = [line.split(":")[0] for line in caplog.messages if line.startswith("Call is") and "waiting" in line]
    assert waiting == ["Call is ringing", "Call is in-progress"]


def test_call_sensor_fails_at_once_when_the_call_ends_otherwise(simulator, connection, run_task):
    [call] = simulator.seed()
    simulator.set_faults([{"match": READS, "kind": "patch", "set": {"status": "busy"}}])
    with pytest.raises(AirflowFailException, match=r"ended as 'busy'.*add it to target_statuses"):
        run_task(lambda: CallStatusSensor(task_id="wait", call_sid=call["sid"], soft_fail=True))


@pytest.mark.parametrize(
    "targets", [(), [], "completed", ["complete"], ["completed", "stopped"], [None], None, 5, True]
)
def test_call_sensor_refuses_statuses_that_no_call_can_have(targets):
    with pytest.raises(SignalWireConfigurationError, match="target_statuses"):
        CallStatusSensor(task_id="wait", call_sid="call", target_statuses=targets)


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress", "canceled", "failed", "no-answer"])
def test_call_sensor_accepts_every_documented_status(simulator, connection, context, status):
    [call] = simulator.seed()
    simulator.set_faults(call_returns(status))
    sensor = CallStatusSensor(task_id="wait", call_sid=call["sid"], target_statuses=(status,))
    assert sensor.execute(context)["status"] == status


def test_stream_sensor_says_once_that_polling_stops_the_stream(simulator, sense, read_log):
    simulator.set_faults(stop_returns("queued", "queued"))
    sense(MODES["poke"])
    assert read_log().count("This sensor stops the stream that it waits for") == 1
    assert "Polling stops the stream" in CallStreamStatusSensor.__doc__
