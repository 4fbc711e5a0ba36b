"""RunCallStreamOperator: one stream from its start to its end, and none left behind."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from simulated import READS, STARTS, call_returns, http_status, running, stop_always_returns, streams
from task_runner import rebuild, run_trigger

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireError,
    SignalWireTimeoutError,
)
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.call_stream import RunCallStreamOperator
from airflow_provider_signalwire.operators.start_guard import TaskKilled
from airflow_provider_signalwire.triggers import run_call_stream

URL = "wss://media.example.com/stream"


@pytest.fixture
def make_task(call_sid):
    def make(**arguments):
        defaults = {"call_sid": call_sid, "url": URL, "max_duration": 60}
        return RunCallStreamOperator(task_id="media", **{**defaults, **arguments})

    return make


@pytest.fixture
def run(make_task, run_task):
    """Run a RunCallStreamOperator to its end."""
    return lambda **arguments: run_task(lambda: make_task(**arguments))


@pytest.fixture
def defer(make_task, run_task):
    """Run a RunCallStreamOperator until it defers."""

    def defer(*, max_tries=0, try_number=1, **arguments):
        task = make_task(**arguments)
        with pytest.raises(TaskDeferred) as caught:
            task.execute(run_task.context(max_tries=max_tries, try_number=try_number))
        return task, caught.value

    return defer


def assert_one_stream_that_has_stopped(simulator):
    assert [stream["status"] for stream in streams(simulator)] == ["stopped"]


def test_stream_runs_until_max_duration(simulator, run, run_task, clock, read_log):
    simulator.set_faults([{"match": STARTS, "kind": "slow", "seconds": 0.02}])
    begun = clock.now
    record = run(max_duration=60)
    assert 60 <= clock.now - begun < 65
    assert_one_stream_that_has_stopped(simulator)
    [stream] = streams(simulator)
    assert (record["sid"], record["status"]) == (stream["sid"], "stopped")
    assert ("reason", "max_duration") in run_task.pushed
    assert run_task.store.get("signalwire_run") is None
    log = read_log()
    line = rf"Stream is queued: '{stream['sid']}' \('adhoc_airflow.media'\) on call '.+'. Start: attempts 1, (\d+) ms, "
    assert int(re.search(line + f"request id {simulator.requests()[0]['request_id']}.", log)[1]) >= 20
    assert "The stream has ended: max_duration." in log


def test_log_says_what_is_waited_for(run, caplog):
    with caplog.at_level("INFO"):
        run()
    assert re.search(r"Call is in-progress: waiting for call '\S+' to end\.", caplog.text)


def test_stream_runs_until_the_call_ends(simulator, run, run_task, clock):
    simulator.set_faults([*call_returns("in-progress", "in-progress"), {**call_returns("completed")[0], "times": None}])
    begun = clock.now
    run(max_duration=3600, poll_interval=10)
    assert clock.now - begun < 60
    assert ("reason", "call_ended") in run_task.pushed


def test_stream_that_ended_with_its_call_counts_as_stopped(simulator, defer, make_task, run_task, call_sid):
    _, deferral = defer()
    simulator.state.end_call(call_sid)
    record = make_task().execute_complete(run_task.context(), run_trigger(deferral.trigger))
    assert (record["status"], record["name"]) == ("stopped", None)
    assert ("reason", "call_ended") in run_task.pushed


def test_keys_of_the_record_are_pushed_when_the_stream_has_started(simulator, defer, run_task):
    defer()
    assert [("sid", running(simulator)[0])] == [push for push in run_task.pushed if push[0] == "sid"]


def test_do_xcom_push_false_pushes_nothing(run, run_task):
    run(do_xcom_push=False)
    assert run_task.pushed == []


def test_result_is_pushed_by_airflow_also_where_the_task_object_is_used_again(defer):
    task, _ = defer()
    assert task.do_xcom_push


def test_trigger_row_holds_no_secret(defer):
    _, deferral = defer(url=f"{URL}?key=long-key-1", authorization_bearer_token="bot-secret")
    stored = json.dumps(deferral.trigger.serialize()[1])
    assert "long-key-1" not in stored
    assert "bot-secret" not in stored


def test_wait_that_fails_stops_the_stream(simulator, run, run_task):
    simulator.set_faults([http_status(401, match=READS)])
    with pytest.raises(SignalWireAuthenticationError) as caught:
        run()
    assert isinstance(caught.value, AirflowFailException)
    assert_one_stream_that_has_stopped(simulator)
    assert run_task.store.get("signalwire_run") is None


def test_stop_that_fails_says_that_the_stream_may_be_running(simulator, run, run_task, read_log):
    simulator.set_faults([http_status(401)])
    with pytest.raises(SignalWireAuthenticationError, match="may be running on call"):
        run()
    assert run_task.store.get("signalwire_run")["stream_sid"] in running(simulator)
    assert "The stream could not be stopped: Could not stop stream " in read_log()


def test_stop_that_is_never_completed_ends_at_stop_timeout(simulator, run, clock):
    simulator.set_faults([stop_always_returns("queued")])
    begun = clock.now
    with pytest.raises(SignalWireTimeoutError, match="Raise 'stop_timeout'"):
        run(max_duration=60, stop_timeout=30)
    assert clock.now - begun < 60 + 30 + 30 + 5  # the worker tries once more


def test_execution_timeout_ends_the_wait_and_stops_the_stream(simulator, run, clock):
    begun = clock.now
    with pytest.raises(AirflowTaskTimeout, match="'execution_timeout' has passed before 'max_duration'") as caught:
        run(max_duration=3600, execution_timeout=timedelta(seconds=40))
    assert "resumes the wait" not in str(caught.value)
    assert 40 <= clock.now - begun < 45
    assert_one_stream_that_has_stopped(simulator)


def test_execution_timeout_names_the_stream_if_it_could_not_be_stopped(simulator, run):
    simulator.set_faults([stop_always_returns("queued")])
    with pytest.raises(AirflowTaskTimeout, match="may be running on call"):
        run(max_duration=3600, execution_timeout=timedelta(seconds=40), stop_timeout=10)


def test_outage_does_not_end_the_wait(simulator, run, run_task):
    simulator.set_faults([{"match": READS, "times": 6, "kind": "status", "status": 503}])
    run()
    assert ("reason", "max_duration") in run_task.pushed
    assert_one_stream_that_has_stopped(simulator)


@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger failure"])
@pytest.mark.parametrize(
    ("has_store", "name"),
    [(True, None), (False, None), (False, "bot")],
    ids=["by sid", "by default name, before Airflow 3.3", "by name, before Airflow 3.3"],
)
def test_stream_of_a_trigger_that_is_gone_is_stopped(simulator, make_task, run_task, error, has_store, name):
    context = run_task.context()
    if not has_store:
        del context["task_state_store"]
    with pytest.raises(TaskDeferred):
        make_task(name=name).execute(context)
    with pytest.raises(Exception, match=r"(?i)trigger"):
        make_task(name=name).resume_execution("__fail__", {"error": error}, context)
    assert_one_stream_that_has_stopped(simulator)
    assert run_task.store.get("signalwire_run") is None


@pytest.mark.parametrize("event", [None, {}, {"status": "success", "record": {}}, {"status": "success"}, "text"])
def test_event_of_another_kind_stops_the_stream_and_fails(simulator, defer, make_task, run_task, event):
    defer()
    with pytest.raises(SignalWireError, match="does not fit this task"):
        make_task().execute_complete(run_task.context(), event)
    assert_one_stream_that_has_stopped(simulator)


def test_killed_while_deferred_stops_the_stream(simulator, defer):
    _, deferral = defer()
    asyncio.run(rebuild(deferral.trigger).on_kill())
    assert_one_stream_that_has_stopped(simulator)


def test_cancelling_a_killed_trigger_again_does_not_interrupt_the_stop(simulator, defer):
    """Airflow does so every second until the trigger has ended."""

    async def kill(trigger):
        kill = asyncio.create_task(trigger.on_kill())
        while not kill.done():
            await asyncio.sleep(0)
            kill.cancel()
        await kill

    _, deferral = defer()
    simulator.set_faults([http_status(503, times=1)])
    asyncio.run(kill(rebuild(deferral.trigger)))
    assert_one_stream_that_has_stopped(simulator)


def test_kill_whose_stop_fails_is_logged(simulator, defer, clock, caplog):
    _, deferral = defer()
    simulator.set_faults([http_status(401)])
    asyncio.run(rebuild(deferral.trigger).on_kill())
    assert "could not be stopped" in caplog.text
    assert "may be running on call" in caplog.text
    simulator.set_faults([stop_always_returns("queued")])
    begun = clock.now
    asyncio.run(rebuild(deferral.trigger).on_kill())
    assert clock.now - begun == pytest.approx(20, abs=0.9)
    assert "Gave up waiting for stream " in caplog.text


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("The API server is unreachable."), None], ids=["fails", "hangs"]
)
def test_kill_whose_lookup_of_the_connection_fails_names_the_stream(defer, call_sid, monkeypatch, caplog, error):
    async def look_up(hook):
        if error is not None:
            raise error
        await asyncio.Event().wait()

    _, deferral = defer(name="bot")
    stream_sid = deferral.trigger.stream_sid
    monkeypatch.setattr(SignalWireHook, "get_async_settings", look_up)
    monkeypatch.setattr(run_call_stream, "_MAX_KILL_SECONDS", 0.1)
    asyncio.run(rebuild(deferral.trigger).on_kill())
    reason = type(error or TimeoutError()).__name__
    message = f"stream '{stream_sid}' on call '{call_sid}' could not be stopped: {reason}. It may be running."
    assert message in caplog.text


def test_killed_after_the_start_stops_the_stream(simulator, defer, call_sid, caplog):
    caplog.set_level("INFO")
    task, _ = defer()
    with pytest.raises(TaskKilled):
        task.on_kill()
    assert_one_stream_that_has_stopped(simulator)
    assert "The task ends (TaskKilled). A stream named 'adhoc_airflow.media' may be running on " in caplog.text
    assert f"Stream is stopped: 'adhoc_airflow.media' on call '{call_sid}'." in caplog.text
    defer(try_number=2)
    assert (len(running(simulator)), len(streams(simulator))) == (1, 2)


@pytest.mark.parametrize("is_saved", [False, True])
def test_timeout_after_the_start_stops_the_stream(simulator, defer, run_task, monkeypatch, is_saved):
    save = run_task.store.set

    def save_slowly(key, value, **options):
        if is_saved or key != "signalwire_run":
            save(key, value, **options)
        if key == "signalwire_run":
            raise AirflowTaskTimeout("Timed out")

    with monkeypatch.context() as patch:
        patch.setattr(run_task.store, "set", save_slowly)
        with pytest.raises(AirflowTaskTimeout):
            defer()
    assert_one_stream_that_has_stopped(simulator)
    defer(try_number=2)
    assert (len(running(simulator)), len(streams(simulator))) == (1, 2)


def test_retry_by_airflow_resumes_the_stream(simulator, defer, clock, run_task, call_sid, read_log):
    _, first = defer()
    clock.now += 20
    task, second = defer()
    assert len(streams(simulator)) == 1
    assert second.trigger.serialize() == first.trigger.serialize()
    [sid] = running(simulator)
    assert f"Resuming stream '{sid}' on call '{call_sid}'." in read_log()
    with pytest.raises(TaskKilled):
        task.on_kill()
    assert_one_stream_that_has_stopped(simulator)
    assert f"Stream is stopped: '{sid}' ('adhoc_airflow.media') on call '{call_sid}'. Stop: " in read_log()
    defer()
    assert (len(running(simulator)), len(streams(simulator))) == (1, 2)


def test_number_in_the_name_of_a_resumed_stream_is_masked(simulator, defer, read_log):
    simulator.set_faults([{"match": STARTS, "kind": "patch", "set": {"sid": "ST-other", "name": "x"}}])
    defer(name="+15551234567")
    defer(name="+15551234567")
    assert "Resuming stream '+***4567' on call" in read_log()


def test_resumed_stream_whose_time_is_up_is_stopped(simulator, defer, run, run_task, clock):
    defer(max_duration=60)
    clock.now += 3600
    run(max_duration=60)
    assert_one_stream_that_has_stopped(simulator)
    assert ("reason", "max_duration") in run_task.pushed


@pytest.mark.parametrize("is_stopped_by_trigger", [False, True])
def test_cleared_task_starts_another_stream_when_the_earlier_one_is_stopped(simulator, defer, is_stopped_by_trigger):
    _, deferral = defer(max_tries=0)
    if is_stopped_by_trigger:
        asyncio.run(rebuild(deferral.trigger).on_kill())
    defer(max_tries=1)
    assert (len(running(simulator)), len(streams(simulator))) == (1, 2)


def test_cleared_task_stops_the_stream_that_its_trigger_could_not_stop(simulator, defer, run_task, monkeypatch):
    """Airflow 3.4 discards the state of a task that is cleared."""
    monkeypatch.setattr("airflow_provider_signalwire.operators.start_guard.CLEARING_DISCARDS_STATE", True)
    _, deferred = defer()
    simulator.set_faults([http_status(401)])
    asyncio.run(rebuild(deferred.trigger).on_kill())
    assert len(running(simulator)) == 1
    simulator.set_faults([])
    run_task.store.entries.clear()
    defer(max_tries=1, try_number=2)
    assert len(running(simulator)) == 1
    assert len(streams(simulator)) == 2


def test_record_about_another_stream_is_stopped_by_name(simulator, run):
    simulator.set_faults(
        [{"match": STARTS, "skip": 0, "times": 1, "kind": "patch", "set": {"sid": "ST-other", "name": "x"}}]
    )
    record = run(name="bot")
    assert_one_stream_that_has_stopped(simulator)
    assert record["name"] == "bot"
    assert [request["path"].rpartition("/")[2] for request in simulator.requests("/Streams/")] == ["bot"]


def test_outlives_run_is_refused_because_the_task_ends_its_stream(make_task):
    with pytest.raises(SignalWireConfigurationError, match="'outlives_run' has no effect here"):
        make_task(outlives_run=True)
