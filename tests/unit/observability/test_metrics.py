"""What is counted and timed, in operators, sensors, triggers, batches and the hook."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from task_runner import run_trigger

from airflow_provider_signalwire import metrics
from airflow_provider_signalwire.client.policy.observer import OUTCOME_BY_ERROR
from airflow_provider_signalwire.client.policy.steps import send as send_request
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireNotFoundError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.metrics import AIRFLOW_STATS
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.operators.calling_stream import StopCallingStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

DOCS = Path(__file__).parents[3] / "docs" / "observability.md"


def send_sync(settings, flow):
    with SignalWireClient(settings, observer=AIRFLOW_STATS) as client:
        return client.run(flow)


def send_async(settings, flow):
    async def send():
        async with SignalWireAsyncClient(settings, observer=AIRFLOW_STATS) as client:
            return await client.run(flow)

    return asyncio.run(send())


@pytest.fixture(params=[send_sync, send_async], ids=["sync", "async"])
def send(request, settings):
    return lambda flow: request.param(settings, flow)


@pytest.fixture
def trigger(connection, no_backoff):
    def make(**arguments):
        common = {"account_sid": None, "signalwire_conn_id": connection, "poll_interval": 0.1, "last_status": None}
        return CallStreamStoppedTrigger(deadline=2e9, **common, **arguments)

    return make


class TestARequest:
    def test_is_counted_and_timed(self, send, simulator, stats, stream):
        send(send_request(endpoints.get_call(simulator.project, stream["call_sid"])))
        assert stats.counts(metrics.REQUESTS) == {("get_call", "ok"): 1}
        [duration] = stats.values(metrics.REQUEST_DURATION)
        assert timedelta() < duration < timedelta(seconds=30)
        assert stats.counts(metrics.RETRIES) == {}

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            ({"kind": "status", "status": 401}, "authentication_failed"),
            ({"kind": "status", "status": 404}, "not_found"),
            ({"kind": "status", "status": 422}, "refused"),
            ({"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}, "rate_limited"),
            ({"kind": "status", "status": 503}, "server_error"),
            ({"kind": "html"}, "invalid_response"),
            ({"kind": "reset"}, "connection_error"),
        ],
    )
    def test_that_fails_is_counted_by_outcome(self, send, simulator, stats, stream, no_backoff, fault, outcome):
        simulator.set_faults([{**fault, "times": None}])
        with pytest.raises(SignalWireError):
            send(send_request(endpoints.stop_call_stream(simulator.project, *stream.values())))
        [((operation, counted), count)] = stats.counts(metrics.REQUESTS).items()
        assert (operation, counted) == ("stop_call_stream", outcome)
        assert count == len(simulator.requests()) == len(stats.values(metrics.REQUEST_DURATION))
        assert outcome in OUTCOME_BY_ERROR.values()

    def test_that_is_retried_is_counted_each_time(self, send, simulator, stats, stream, no_backoff):
        simulator.set_faults([{"kind": "status", "status": 503, "times": 2}])
        send(send_request(endpoints.get_call(simulator.project, stream["call_sid"])))
        assert stats.counts(metrics.REQUESTS) == {("get_call", "server_error"): 2, ("get_call", "ok"): 1}
        assert stats.counts(metrics.RETRIES) == {("get_call",): 2}
        assert stats.counts(metrics.RATE_LIMIT_WAITS) == {}

    def test_that_waits_for_the_rate_limit_is_timed(self, send, simulator, stats, stream, clock):
        simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}])
        send(send_request(endpoints.get_call(simulator.project, stream["call_sid"])))
        assert stats.counts(metrics.RATE_LIMIT_WAITS) == {("get_call",): 1}
        assert stats.values(metrics.RATE_LIMIT_WAIT_DURATION) == [timedelta(seconds=1)]
        assert stats.counts(metrics.RETRIES) == {("get_call",): 1}

    def test_has_the_name_of_the_hooks_method(self, simulator, connection, stats, stream):
        hook = SignalWireHook(connection)
        call_sid = stream["call_sid"]
        hook.get_account()
        hook.start_call_stream(call_sid, "wss://media.example.com", name="second")
        recording = hook.start_call_recording(call_sid)
        hook.update_call_recording(call_sid, recording["sid"], status="stopped")
        simulator.seed(count=2)
        list(hook.list_calls(page_size=2))
        hook.update_call(call_sid, status="completed")
        hook.delete_call(call_sid)
        hook.create_call("+15551234567", "+15557654321", url="https://example.com")
        [call] = simulator.seed_native_calls()
        params = {"control_id": "control", "url": "wss://media.example.com"}
        hook.calling_command("calling.stream", call["sid"], params)
        StopCallingStreamOperator(task_id="stop", call_id=call["sid"], control_id="control").execute({})
        counts = stats.counts(metrics.REQUESTS)
        assert {outcome for _, outcome in counts} == {"ok"}
        assert {operation: count for (operation, _), count in counts.items()} == {
            "get_account": 1,
            "start_call_stream": 1,
            "start_call_recording": 1,
            "update_call_recording": 1,
            "list_calls": 2,
            "update_call": 1,
            "delete_call": 1,
            "create_call": 1,
            "calling_command": 1,
            "stop_calling_stream": 1,
        }


class TestAStop:
    """It is counted once, by its outcome."""

    @pytest.mark.parametrize("by", ["hook", "sensor", "trigger"])
    def test_by_hook_sensor_and_trigger(self, connection, stats, stream, trigger, context, by):
        stop_by = {
            "hook": lambda: SignalWireHook(connection).stop_call_stream(**stream),
            "sensor": lambda: CallStreamStatusSensor(task_id="wait", **stream).poke(context),
            "trigger": lambda: run_trigger(trigger(**stream)),
        }
        stop_by[by]()
        assert stats.counts(metrics.STREAMS_STOPPED) == {("stopped", "stopped"): 1}
        assert stats.counts(metrics.REQUESTS) == {("stop_call_stream", "ok"): 1}

    def test_of_a_stream_that_ended_with_its_call(self, simulator, connection, stats, stream):
        simulator.state.end_call(stream["call_sid"])
        SignalWireHook(connection).stop_call_stream(**stream)
        assert stats.counts(metrics.STREAMS_STOPPED) == {("already_ended", "already_ended"): 1}

    def test_of_a_missing_stream(self, connection, stats, stream, context):
        missing = {**stream, "stream_sid": "missing"}
        StopCallStreamOperator(task_id="stop", ignore_if_missing=True, **missing).execute(context)
        assert stats.counts(metrics.STREAMS_STOPPED) == {("missing", "missing"): 1}

    def test_that_fails_is_not_counted(self, connection, stats, stream):
        with pytest.raises(SignalWireNotFoundError):
            SignalWireHook(connection).stop_call_stream(stream["call_sid"], "missing")
        assert stats.counts(metrics.STREAMS_STOPPED) == {}
        assert stats.counts(metrics.REQUESTS) == {("stop_call_stream", "not_found"): 1, ("get_call", "ok"): 1}

    def test_that_is_waited_for(self, simulator, connection, stats, stream, context):
        simulator.reset(stop_delay_ms=300)
        [call] = simulator.seed(streams=[{"name": "slow"}])
        operator = StopCallStreamOperator(
            task_id="stop", call_sid=call["sid"], stream_sid="slow", wait_for_completion=True, poll_interval=0.1
        )
        assert operator.execute(context)["status"] == "stopped"
        assert stats.counts(metrics.STREAMS_STOPPED) == {("stopped", "stopped"): 1}
        assert stats.counts(metrics.REQUESTS)["stop_call_stream", "ok"] >= 2

    def test_by_a_batch(self, simulator, connection, stats, context):
        running = simulator.seed(count=20, streams=[{"name": "media"}])
        ended = simulator.seed(count=3, status="completed", streams=[{"name": "media"}])
        rows = [{"call_sid": call["sid"], "stream_sid": "media"} for call in [*running, *ended]]
        rows.append({"call_sid": running[0]["sid"], "stream_sid": "missing"})
        StopCallStreamsOperator(task_id="stop", streams=rows, ignore_if_missing=True).execute(context)
        expected = {"stopped": 20, "already_ended": 3, "missing": 1}
        assert stats.counts(metrics.STREAMS_STOPPED) == {(how, how): count for how, count in expected.items()}
        assert stats.counts(metrics.REQUESTS)["stop_call_stream", "ok"] == 20
        assert stats.values(metrics.BATCH_RATE)[-1] > 1


class TestABackendThatFails:
    """A stop matters more than counting it."""

    @pytest.fixture(autouse=True)
    def broken_stats(self, monkeypatch):
        class Broken:
            def __getattr__(self, name):
                raise OSError("The metrics server is gone.")

        monkeypatch.setattr(metrics, "Stats", Broken())
        monkeypatch.setattr(AIRFLOW_STATS, "_has_logged", False)

    def test_does_not_fail_a_stop(self, connection, stream, trigger, context, caplog):
        assert SignalWireHook(connection).stop_call_stream(**stream)["status"] == "stopped"
        assert run_trigger(trigger(**stream))["status"] == "success"
        summary = StopCallStreamsOperator(task_id="stop", streams=[stream]).execute(context)
        assert summary["stopped"] == 1
        [warning] = [record for record in caplog.records if record.name == metrics.__name__]
        assert "The metrics server is gone." in warning.getMessage()

    def test_does_not_hide_an_error(self, connection, stream):
        with pytest.raises(SignalWireNotFoundError):
            SignalWireHook(connection).stop_call_stream(stream["call_sid"], "missing")


def test_the_documentation_has_every_metric():
    rows = re.findall(r"^\| `(signalwire\.[\w.]+)` \| (\w+) \|([^|]*)\| ", DOCS.read_text("utf-8"), re.MULTILINE)
    documented = {(name, kind, tuple(re.findall(r"`(\w+)`", tags))) for name, kind, tags in rows}
    assert documented == {tuple(metric) for metric in metrics.METRICS}


def test_the_documentation_has_every_value_of_a_tag():
    page = DOCS.read_text("utf-8")
    for outcome in ["ok", *OUTCOME_BY_ERROR.values()]:
        assert re.search(rf"^\| `{outcome}` \| ", page, re.MULTILINE), outcome


def test_everything_sent_is_among_the_metrics(simulator, connection, stats, stream, context, no_backoff):
    simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}])
    StopCallStreamsOperator(task_id="stop", streams=[stream]).execute(context)
    known = {metric.name: metric for metric in metrics.METRICS}
    assert {sample.name for sample in stats.samples} == set(known)
    for sample in stats.samples:
        assert sample.kind == known[sample.name].kind
        assert tuple(name for name, _ in sample.tags) == known[sample.name].tags
        assert not {value for _, value in sample.tags} & {*stream.values(), simulator.project}
