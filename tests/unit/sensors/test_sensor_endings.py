"""How a sensor ends: at its timeout, under soft_fail, when its trigger is gone, when it is killed."""

from __future__ import annotations

import time

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireServerError,
)
from airflow_provider_signalwire.sensors.base import SignalWireSensor
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

STOPS = {"method": "POST", "path_contains": "/Streams/"}
NEVER_STOPS = {"match": STOPS, "times": None, "kind": "patch", "set": {"status": "in-progress"}}
QUEUED = {"match": STOPS, "kind": "patch", "set": {"status": "queued"}}


@pytest.fixture
def stream(simulator, connection):
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": "media"}


def test_gives_up_at_the_timeout_and_says_what_was_last_seen(simulator, sense, stream):
    simulator.set_faults([QUEUED, NEVER_STOPS])

    with pytest.raises(AirflowSensorTimeout) as caught:
        sense(CallStreamStatusSensor, **stream, timeout=0.9, poke_interval=0.3)

    for part in (stream["call_sid"], "'media'", "'in-progress'", "timeout"):
        assert part in str(caught.value)
    assert 2 <= len(simulator.requests("/Streams/")) <= 5
    assert sense.waited


def test_soft_fail_makes_a_skip_of_a_timeout(simulator, sense, stream):
    simulator.set_faults([NEVER_STOPS])

    with pytest.raises(AirflowSkipException):
        sense(CallStreamStatusSensor, **stream, timeout=0.6, poke_interval=0.3, soft_fail=True)

    assert sense.waited


@pytest.mark.parametrize("looks_before", [0, 1])
@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SignalWireAuthenticationError), (404, SignalWireNotFoundError), (503, SignalWireServerError)],
)
def test_soft_fail_hides_no_error(simulator, sense, make_connection, stream, status, error, looks_before):
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults(
        [*[QUEUED] * looks_before, {"match": STOPS, "times": None, "kind": "status", "status": status}]
    )

    with pytest.raises(error) as caught:
        sense(CallStreamStatusSensor, **stream, soft_fail=True)

    assert caught.value.http_status == status


def test_soft_fail_hides_no_wrong_token(simulator, sense, make_connection):
    make_connection(password="PT-wrong")

    with pytest.raises(SignalWireAuthenticationError):
        sense(CallStreamStatusSensor, call_sid="call", stream_sid="stream", soft_fail=True)


def resumed(next_method, next_kwargs, *, soft_fail):
    sensor = CallStreamStatusSensor(
        task_id="wait", call_sid="call", stream_sid="stream", deferrable=True, soft_fail=soft_fail
    )
    return sensor.resume_execution(next_method, next_kwargs, {})


# What Airflow resumes a task with whose trigger is gone.
TRIGGER_TIMED_OUT = ("__fail__", {"error": "Trigger timeout"})
TRIGGER_CRASHED = ("__fail__", {"error": "Trigger failure", "traceback": ["KeyError: 'x'\n"]})


def test_a_backstop_timeout_is_a_timeout():
    with pytest.raises(AirflowSensorTimeout):
        resumed(*TRIGGER_TIMED_OUT, soft_fail=False)
    with pytest.raises(AirflowSkipException):
        resumed(*TRIGGER_TIMED_OUT, soft_fail=True)


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_crashed_trigger_is_an_error(soft_fail):
    with pytest.raises(AirflowException, match="Trigger failure") as caught:
        resumed(*TRIGGER_CRASHED, soft_fail=soft_fail)

    assert not isinstance(caught.value, AirflowSkipException)


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("event", [None, {}, {"status": "success"}, {"status": "stopped"}, "success", 1], ids=repr)
def test_an_event_that_is_not_a_known_success_is_an_error(event, soft_fail):
    with pytest.raises(SignalWireError, match="does not know"):
        resumed("execute_complete", {"event": event}, soft_fail=soft_fail)


def test_a_skip_of_ones_own_stays_a_skip(simulator, stream):
    class Skipping(CallStreamStatusSensor):
        def is_done(self, record):
            raise AirflowSkipException("not today") from ValueError("why")

    with pytest.raises(AirflowSkipException, match="not today"):
        Skipping(task_id="wait", **stream).execute({})


@pytest.mark.parametrize("poke_interval", [0, 0.01, 5])
def test_the_triggerer_never_spins(simulator, stream, poke_interval):
    simulator.set_faults([NEVER_STOPS])
    before = time.time()

    with pytest.raises(TaskDeferred) as caught:
        CallStreamStatusSensor(
            task_id="wait", **stream, poke_interval=poke_interval, timeout=100, deferrable=True
        ).execute({})

    arguments = caught.value.trigger.serialize()[1]
    assert arguments["poll_interval"] == max(poke_interval, 0.1)
    assert before + 100 <= arguments["deadline"] <= time.time() + 100
    assert arguments["last_status"] == "in-progress"
    assert caught.value.timeout.total_seconds() > 100
    assert caught.value.method_name == "execute_complete"


def test_the_time_the_first_look_took_counts(simulator, stream):
    # A look is a stop and, unless that answers "stopped", a read of the call: 0.6 s.
    simulator.reset(latency_ms=300, stop_delay_ms=60_000)
    [call] = simulator.seed(streams=[{"name": "media"}])
    before = time.time()

    with pytest.raises(TaskDeferred) as caught:
        CallStreamStatusSensor(
            task_id="wait", call_sid=call["sid"], stream_sid="media", timeout=100, deferrable=True
        ).execute({})

    assert caught.value.trigger.serialize()[1]["deadline"] < before + 100.5


def test_killing_a_poking_sensor_sends_nothing_more(simulator, stream, monkeypatch):
    def killed(seconds):
        raise AirflowTaskTimeout("killed")

    simulator.set_faults([NEVER_STOPS])
    sensor = CallStreamStatusSensor(task_id="wait", **stream, poke_interval=60, timeout=100)
    monkeypatch.setattr(time, "sleep", killed)

    with pytest.raises(AirflowTaskTimeout):
        sensor.execute({})
    sent = len(simulator.requests())
    sensor.on_kill()

    assert len(simulator.requests()) == sent == 2


def test_each_status_is_logged_once(simulator, connection, capfd, caplog):
    [call] = simulator.seed(status="completed")
    looks = {"method": "GET", "path_contains": "/Calls/"}
    simulator.set_faults([{"match": looks, "times": 3, "kind": "patch", "set": {"status": "ringing"}}])

    CallStatusSensor(task_id="wait", call_sid=call["sid"], poke_interval=0.01).execute({})

    assert (caplog.text + capfd.readouterr().out).count("it is 'ringing'") in (1, 2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda sensor: sensor.look("project"),
        lambda sensor: sensor.is_done({}),
        lambda sensor: sensor.make_trigger(),
        lambda sensor: sensor.waited_for,
    ],
)
def test_a_kind_of_sensor_has_to_say_what_it_does(ask):
    with pytest.raises(NotImplementedError):
        ask(SignalWireSensor(task_id="wait"))
