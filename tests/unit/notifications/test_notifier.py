"""StopCallStreamNotifier stops a stream; what goes wrong is logged with its traceback and without secrets."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS
from simulated import STOPS, http_status, methods, running

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireServerError,
)
from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier


def notify(notifier, **context):
    notifier({"dag": DAG("calls", schedule=None), **context})


def notify_async(notifier, **context):
    async def run():
        await notifier.async_notify(context)

    context = {"dag": DAG("calls", schedule=None), **context}
    notifier.render_template_fields(context)
    asyncio.run(run())


def raised(error, send, match=""):
    """Expect an error, unless Airflow logs it in its place, as it does before 3.1."""
    return pytest.raises(error, match=match) if AIRFLOW_V_3_1_PLUS or send is notify_async else nullcontext()


each_way = pytest.mark.parametrize("send", [notify, notify_async])


@each_way
def test_stream_is_stopped(simulator, stream, send):
    templates = {"call_sid": "{{ call }}", "stream_sid": "{{ stream }}"}
    send(StopCallStreamNotifier(**templates), call=stream["call_sid"], stream=stream["stream_sid"])
    assert running(simulator) == []
    assert methods(simulator) == "POST"


@each_way
def test_ended_call_and_missing_stream_are_no_errors(simulator, stream, send):
    send(StopCallStreamNotifier(call_sid=stream["call_sid"], stream_sid="missing"))
    simulator.state.end_call(stream["call_sid"])
    send(StopCallStreamNotifier(**stream))


@each_way
@pytest.mark.parametrize(
    ("fault", "error"), [({"status": 401}, SignalWireAuthenticationError), ({"status": 503}, SignalWireServerError)]
)
def test_failure_is_logged_with_its_traceback(simulator, connection, stream, no_backoff, send, fault, error, read_log):
    simulator.set_faults([http_status(match=STOPS, **fault, body={"message": f"{simulator.token} is wrong"})])
    with raised(error, send):
        send(StopCallStreamNotifier(**stream))
    logged = read_log()
    assert "The stream was not stopped: it may be running." in logged
    assert "Traceback (most recent call last)" in logged
    assert f"{error.__name__}: Could not stop stream" in logged
    assert simulator.token not in logged


def test_template_that_renders_to_nothing_is_logged(connection, read_log):
    with raised(SignalWireConfigurationError, notify, match="'call_sid'"):
        notify(StopCallStreamNotifier(call_sid="{{ none }}", stream_sid="media"))
    logged = read_log()
    assert "The stream was not stopped: it may be running." in logged
    assert "Traceback (most recent call last)" in logged


def test_deadline_alert_stops_the_stream(simulator, stream):
    callback = pytest.importorskip(
        "airflow.triggers.callback", reason="Airflow before 3.2 has no deadline alerts of this kind"
    )
    path = f"{StopCallStreamNotifier.__module__}.{StopCallStreamNotifier.__name__}"
    context = {"dag_run": {"conf": {"call_sid": stream["call_sid"]}}}
    arguments = {"call_sid": "{{ dag_run.conf.call_sid }}", "stream_sid": stream["stream_sid"], "context": context}

    async def states():
        return [event.payload["state"] async for event in callback.CallbackTrigger(path, arguments).run()]

    assert asyncio.run(states()) == ["running", "success"]
    assert running(simulator) == []


def test_arguments_are_keyword_only():
    with pytest.raises(TypeError):
        StopCallStreamNotifier("call", "stream")
