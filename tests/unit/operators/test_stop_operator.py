"""StopCallStreamOperator, apart from how waits end, which is tested in test_waits_agree."""

from __future__ import annotations

import traceback
import warnings
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from simulated import STOPS, http_status, stop_always_returns, stop_returns

from airflow_provider_signalwire.exceptions import (
    SignalWireConfigurationError,
    SignalWireError,
    SignalWireRequestError,
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


@deferred_or_not
@pytest.mark.parametrize("missing", ["stream_sid", "call_sid"])
def test_ignore_if_missing_returns_none_and_warns(stop, read_log, missing, deferrable):
    record = stop(wait_for_completion=True, deferrable=deferrable, ignore_if_missing=True, **{missing: "unknown"})
    assert record is None
    [warning] = [line for line in read_log().splitlines() if "ignored" in line]
    assert "warning" in warning.lower()
    assert "Stream is missing (ignored)" in warning
    assert "'unknown'" in warning


@deferred_or_not
def test_ignore_if_missing_ignores_nothing_but_404(simulator, stop, deferrable):
    simulator.set_faults([*stop_returns("queued"), http_status(422)])
    with pytest.raises(SignalWireRequestError):
        stop(wait_for_completion=True, deferrable=deferrable, ignore_if_missing=True)


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


RECORD = {"sid": "stream", "call_sid": "call", "name": "media", "status": "stopped"}
REQUESTED = {"call_sid": "call", "stream_sid": "stream"}


@pytest.mark.parametrize(
    "event",
    [
        None,
        {"status": "success", "record": None},
        {"status": "success", "record": {**RECORD, "status": "queued"}, "requested": REQUESTED},
        {"status": "success", "record": {**RECORD, "call_sid": "other"}},
    ],
    ids=repr,
)
def test_event_that_is_not_this_streams_stop_fails_clearly(event):
    operator = stop_operator({"call_sid": "call", "stream_sid": "stream"})
    with pytest.raises(SignalWireError, match="does not fit this task"):
        operator.resume_execution("execute_complete", {"event": event}, {})


def test_event_with_the_requested_stream_is_accepted():
    accept = stop_operator({"call_sid": "call", "stream_sid": "stream"}).execute_complete
    assert accept({}, {"status": "success", "record": RECORD}) == RECORD
    other = {**RECORD, "sid": "other"}  # a mock server's record, about which the trigger has warned
    assert accept({}, {"status": "success", "record": other, "requested": REQUESTED}) == other
    ignoring = stop_operator({"call_sid": "call", "stream_sid": "stream"}, ignore_if_missing=True)
    assert ignoring.execute_complete({}, {"status": "success", "record": None}) is None


@pytest.mark.parametrize(("parameter", "value"), [("poll_interval", 0), ("timeout", -1), ("timeout", "5")])
def test_invalid_duration_is_refused_when_the_task_is_made(parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=f"'{parameter}'.*seconds or a timedelta"):
        stop_operator({"call_sid": "call", "stream_sid": "stream"}, **{parameter: value})


@pytest.mark.parametrize("parameter", ["wait_for_completion", "ignore_if_missing", "deferrable"])
@pytest.mark.parametrize("value", ["true", None])
def test_boolean_of_another_type_is_refused_when_the_task_is_made(parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=f"'{parameter}'.*True or False"):
        stop_operator({"call_sid": "call", "stream_sid": "stream"}, **{parameter: value})


def test_deferrable_without_a_wait_is_warned_of(stream, monkeypatch):
    with pytest.warns(UserWarning, match="deferrable=True has no effect without wait_for_completion=True") as caught:
        StopCallStreamOperator(task_id="stop", deferrable=True, **stream)
    assert caught[0].filename == __file__

    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        stop_operator(stream, deferrable=True)


@pytest.mark.parametrize("option", [{"poll_interval": 10}, {"timeout": timedelta(minutes=10)}])
def test_option_of_a_wait_without_a_wait_is_warned_of(stream, option):
    with pytest.warns(UserWarning, match=f"{next(iter(option))} has no effect without wait_for_completion=True"):
        stop_operator(stream, **option)


def test_deferrable_with_a_wait_or_neither_is_not_warned_of(stream):
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
