"""What is counted and timed, in operators, sensors, triggers, batches and the hook."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from simulated import stop_returns
from task_runner import run_trigger

from airflow_provider_signalwire import metrics
from airflow_provider_signalwire.client.policy.observer import OUTCOME_BY_ERROR
from airflow_provider_signalwire.exceptions import SignalWireNotFoundError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.metrics import AIRFLOW_STATS
from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.calling_stream import StopCallingStreamOperator
from airflow_provider_signalwire.operators.start_guard import TaskKilled
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger
from airflow_provider_signalwire.triggers.run_call_stream import RunCallStreamTrigger

DOCS = Path(__file__).parents[3] / "docs" / "observability.md"


@pytest.fixture
def trigger(connection, stream, no_backoff):
    def make(trigger_class=CallStreamStoppedTrigger, *, deadline=2e9, **arguments):
        common = {"account_sid": None, "signalwire_conn_id": connection, "poll_interval": 0.1, "last_status": None}
        return trigger_class(deadline=deadline, **common, **stream, **arguments)

    return make


def run_block(call_sid):
    with SignalWireHook().call_stream(call_sid, "wss://media.example.com"):
        pass


class TestARequest:
    def test_that_is_retried_is_counted_and_timed_each_time(self, simulator, connection, stats, stream, clock):
        rate_limit = {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}
        simulator.set_faults([{"kind": "status", "status": 503}, rate_limit])
        SignalWireHook(connection).get_call(stream["call_sid"])
        outcomes = ("server_error", "rate_limited", "ok")
        assert stats.counts(metrics.REQUESTS) == {("get_call", outcome): 1 for outcome in outcomes}
        assert stats.counts(metrics.RETRIES) == {("get_call",): 2}
        assert stats.counts(metrics.RATE_LIMIT_WAITS) == {("get_call",): 1}
        assert stats.values(metrics.RATE_LIMIT_WAIT_DURATION) == [timedelta(seconds=1)]
        durations = stats.values(metrics.REQUEST_DURATION)
        assert len(durations) == 3
        assert all(timedelta() < duration < timedelta(seconds=30) for duration in durations)

    def test_has_the_name_of_the_hooks_method(self, simulator, connection, stats, stream):
        hook = SignalWireHook(connection)
        call_sid = stream["call_sid"]
        hook.get_account()
        hook.test_connection()
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
        once = ["start_call_stream", "start_call_recording", "update_call_recording", "update_call"]
        once += ["delete_call", "create_call", "calling_command", "stop_calling_stream"]
        expected = {**dict.fromkeys(once, 1), "get_account": 2, "list_calls": 3}
        assert stats.counts(metrics.REQUESTS) == {(name, "ok"): count for name, count in expected.items()}


class TestAStop:
    """It is counted once, by its outcome."""

    @pytest.mark.parametrize("by", ["hook", "block", "sensor", "trigger", "trigger of a run", "notifier"])
    def test_by(self, stats, stream, trigger, context, by):
        run = {"stream_status": None, "stop_timeout": 10, "deadline": 0}
        stop_by = {
            "hook": lambda: SignalWireHook().stop_call_stream(**stream),
            "block": lambda: run_block(stream["call_sid"]),
            "sensor": lambda: CallStreamStatusSensor(task_id="wait", **stream).poke(context),
            "trigger": lambda: run_trigger(trigger()),
            "trigger of a run": lambda: run_trigger(trigger(RunCallStreamTrigger, **run)),
            "notifier": lambda: StopCallStreamNotifier(**stream).notify(context),
        }
        stop_by[by]()
        assert stats.counts(metrics.STREAMS_STOPPED) == {("stopped", "stopped"): 1}
        assert stats.counts(metrics.REQUESTS)["stop_call_stream", "ok"] == 1

    def test_that_fails_is_not_counted(self, connection, stats, stream):
        with pytest.raises(SignalWireNotFoundError):
            SignalWireHook(connection).stop_call_stream(stream["call_sid"], "missing")
        assert stats.counts(metrics.STREAMS_STOPPED) == {}
        assert stats.counts(metrics.REQUESTS) == {("stop_call_stream", "not_found"): 1, ("get_call", "ok"): 1}

    def test_that_is_waited_for(self, simulator, connection, stats, stream, context, clock):
        simulator.set_faults(stop_returns("queued"))
        StopCallStreamOperator(task_id="stop", **stream, wait_for_completion=True).execute(context)
        assert stats.counts(metrics.STREAMS_STOPPED) == {("stopped", "stopped"): 1}
        assert stats.counts(metrics.REQUESTS)["stop_call_stream", "ok"] == 2

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


def test_stop_by_a_task_that_is_killed_is_a_request_too(connection, stats, stream):
    start = StartCallStreamOperator(task_id="start", call_sid=stream["call_sid"], url="wss://media.example.com")
    start.execute({})
    with pytest.raises(TaskKilled):
        start.on_kill()
    assert stats.counts(metrics.REQUESTS) == {("start_call_stream", "ok"): 1, ("stop_call_stream", "ok"): 1}


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
        assert run_trigger(trigger())["status"] == "success"
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
