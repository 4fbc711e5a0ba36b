"""StopCallStreamNotifier stops a stream; what goes wrong is logged with its traceback and without secrets."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS
from jinja2 import UndefinedError
from simulated import http_status, methods, running

from airflow_provider_signalwire.exceptions import SignalWireAuthenticationError, SignalWireConfigurationError
from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier


def notify(notifier, **context):
    notifier({"dag": DAG("calls", schedule=None), **context})


def notify_async(notifier, **context):
    async def run():
        await notifier.async_notify(context)

    context = {"dag": DAG("calls", schedule=None), **context}
    notifier.render_template_fields(context)
    asyncio.run(run())


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
    ("changes", "error", "message"),
    [
        ({}, SignalWireAuthenticationError, "Could not stop stream"),
        ({"call_sid": "{{ none }}"}, SignalWireConfigurationError, "Parameter 'call_sid'"),
        ({"call_sid": "{{ nothing.here }}"}, UndefinedError, "'nothing' is undefined"),
    ],
)
def test_failure_is_logged_with_its_traceback(simulator, stream, send, changes, error, message, read_log):
    simulator.set_faults([http_status(401, body={"message": f"{simulator.token} is wrong"})])
    # Before 3.1, Airflow logs most errors instead of raising them.
    with pytest.raises(error) if AIRFLOW_V_3_1_PLUS or send is notify_async else suppress(error):
        send(StopCallStreamNotifier(**{**stream, **changes}))
    logged = read_log()
    assert "The stream was not stopped: it may be running." in logged
    assert "Traceback (most recent call last)" in logged
    assert f"{error.__name__}: {message}" in logged
    assert simulator.token not in logged


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
