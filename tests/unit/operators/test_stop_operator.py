"""StopCallStreamOperator, apart from how waits end, which is tested in test_waits_agree."""

from __future__ import annotations

import traceback
import warnings
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from simulated import STOPS, stop_always_returns, stop_returns

from airflow_provider_signalwire.exceptions import (
    SignalWireConfigurationError,
    SignalWireError,
)
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

deferred_or_not = pytest.mark.parametrize("deferrable", [False, True], ids=["in worker", "deferred"])


def stop_operator(stream, **arguments):
    return StopCallStreamOperator(task_id="stop", **{**stream, **arguments})


@pytest.fixture
def stop(run_task, stream):
    """Run a StopCallStreamOperator to its end."""
    return lambda **arguments: run_task(lambda: stop_operator(stream, poll_interval=60, **arguments))


def test_stop_without_waiting_returns_the_first_record_unchanged(simulator, stop, stream):
    simulator.set_faults([{"match": STOPS, "kind": "patch", "set": {"status": "queued", "new_key": [1, None]}}])
    record = stop()
    expected = simulator.state.stop_stream(simulator.project, *stream.values(), {"Status": "stopped"})
    assert record == {**expected, "status": "queued", "new_key": [1, None]}
    assert [request["form"] for request in simulator.requests()] == [{"Status": "stopped"}]


def test_stop_runs_in_an_empty_context(stream):
    assert stop_operator(stream).execute({})["status"] == "stopped"
    assert stop_operator(stream, wait_for_completion=True).execute({})["status"] == "stopped"


def test_stop_acts_in_a_subproject_also_when_deferred(make_subproject, run_task):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject, streams=[{"name": "media"}])
    server.set_faults(stop_returns("queued"))
    arguments = {"account_sid": subproject, "signalwire_conn_id": connection, "wait_for_completion": True}
    stream = {"call_sid": call["sid"], "stream_sid": "media"}
    record = run_task(lambda: stop_operator(stream, deferrable=True, **arguments))
    assert record["account_sid"] == subproject
    assert len(server.requests(f"/Accounts/{subproject}/")) == len(server.requests()) == 3


def test_deferral_outlives_both_deadlines_and_carries_them(simulator, stream, clock):
    simulator.set_faults([stop_always_returns("queued")])
    operator = stop_operator(
        {**stream, "stream_sid": "media"},
        wait_for_completion=True,
        timeout=timedelta(seconds=30),
        poll_interval=timedelta(seconds=2),
        execution_timeout=timedelta(hours=1),
        deferrable=True,
    )
    with pytest.raises(TaskDeferred) as caught:
        operator.execute({})
    arguments = caught.value.trigger.serialize()[1]
    assert caught.value.timeout == timedelta(seconds=90)
    assert arguments["poll_interval"] == 2
    assert (arguments["deadline"], arguments["execution_deadline"]) == (clock.now + 30, clock.now + 3600)
    assert (arguments["stream_sid"], arguments["known_sid"]) == ("media", stream["stream_sid"])


def test_event_is_accepted_only_with_this_streams_record():
    task = stop_operator({"call_sid": "call", "stream_sid": "stream"})
    record = {"sid": "stream", "call_sid": "call", "name": "media", "status": "stopped"}
    assert task.execute_complete({}, {"status": "success", "record": record}) == record
    other = {**record, "sid": "other"}  # a mock server's record, about which the trigger has warned
    requested = {"call_sid": "call", "stream_sid": "stream"}
    assert task.execute_complete({}, {"status": "success", "record": other, "requested": requested}) == other
    for event in (None, {"status": "success", "record": None}, {"status": "success", "record": other}):
        with pytest.raises(SignalWireError, match="does not fit this task"):
            task.resume_execution("execute_complete", {"event": event}, {})
    task.ignore_if_missing = True
    assert task.execute_complete({}, {"status": "success", "record": None}) is None


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("poll_interval", 0), ("timeout", -1), ("timeout", "5")],
        *[("wait_for_completion", "true"), ("ignore_if_missing", None), ("deferrable", 1)],
    ],
)
def test_invalid_value_is_refused_when_the_task_is_made(stream, parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=f"'{parameter}'.*(seconds or a timedelta|True or False)"):
        stop_operator(stream, **{parameter: value})


def test_deferrable_without_a_wait_is_warned_of(stream, monkeypatch):
    with pytest.warns(UserWarning, match="deferrable=True has no effect without wait_for_completion=True") as caught:
        StopCallStreamOperator(task_id="stop", deferrable=True, **stream)
    assert caught[0].filename == __file__

    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        stop_operator(stream, deferrable=True)


def test_options_of_a_wait_without_a_wait_are_warned_of(stream):
    with pytest.warns(UserWarning, match="has no effect without wait_for_completion=True") as caught:
        stop_operator(stream, poll_interval=10, timeout=timedelta(minutes=10))
    assert [str(warning.message).split()[2] for warning in caught] == ["poll_interval", "timeout"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        stop_operator(stream, deferrable=True, wait_for_completion=True, poll_interval=10, timeout=60)
        stop_operator(stream)


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 404}, {"kind": "reset", "times": None}])
@pytest.mark.parametrize("wait_for_completion", [False, True])
def test_traceback_of_a_failed_request_ends_at_the_client(simulator, stream, fault, wait_for_completion):
    simulator.set_faults([fault])
    with pytest.raises(SignalWireError) as caught:
        stop_operator(stream, wait_for_completion=wait_for_completion, timeout=0).execute({})

    frames = traceback.extract_tb(caught.value.__traceback__)
    ours = [frame.name for frame in frames if "airflow_provider_signalwire/" in frame.filename]
    assert ours[0] == "execute"
    assert ours[-1] == "run"
    assert len(ours) == 3
