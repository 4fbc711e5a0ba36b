"""StopCallStreamNotifier stops a stream; what goes wrong is logged with its traceback and without secrets."""

from __future__ import annotations

import asyncio

import pytest
from simulated import STOPS, http_status, methods, running

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireServerError,
)
from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier


def notify(notifier, context):
    notifier(context)


def notify_async(notifier, context):
    async def run():
        await notifier.async_notify(context)

    notifier.render_template_fields(context)
    asyncio.run(run())


each_way = pytest.mark.parametrize("send", [notify, notify_async])


@each_way
def test_stream_is_stopped(simulator, stream, send):
    templates = {"call_sid": "{{ call }}", "stream_sid": "{{ stream }}"}
    send(StopCallStreamNotifier(**templates), {"call": stream["call_sid"], "stream": stream["stream_sid"]})
    assert running(simulator) == []
    assert methods(simulator) == "POST"


@each_way
def test_ended_call_and_missing_stream_are_no_errors(simulator, stream, send):
    send(StopCallStreamNotifier(call_sid=stream["call_sid"], stream_sid="missing"), {})
    simulator.state.end_call(stream["call_sid"])
    send(StopCallStreamNotifier(**stream), {})


@each_way
@pytest.mark.parametrize(
    ("fault", "error"), [({"status": 401}, SignalWireAuthenticationError), ({"status": 503}, SignalWireServerError)]
)
def test_failure_is_logged_with_its_traceback(
    simulator, connection, stream, no_backoff, send, fault, error, caplog, capsys
):
    simulator.set_faults([http_status(match=STOPS, **fault, body={"message": f"{simulator.token} is wrong"})])
    with pytest.raises(error):
        send(StopCallStreamNotifier(**stream), {})
    logged = caplog.text + "".join(capsys.readouterr())
    assert "The stream was not stopped: it may be running." in logged
    assert "Traceback (most recent call last)" in logged
    assert f"{error.__name__}: Could not stop stream" in logged
    assert simulator.token not in logged


def test_template_that_renders_to_nothing_is_logged(connection, caplog, capsys):
    with pytest.raises(SignalWireConfigurationError, match="'call_sid'"):
        StopCallStreamNotifier(call_sid="{{ none }}", stream_sid="media")({})
    logged = caplog.text + "".join(capsys.readouterr())
    assert "The stream was not stopped: it may be running." in logged
    assert "Traceback (most recent call last)" in logged


def test_deadline_alert_stops_the_stream(simulator, stream):
    callback = pytest.importorskip("airflow.triggers.callback", reason="Airflow 3.2 or newer")
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
