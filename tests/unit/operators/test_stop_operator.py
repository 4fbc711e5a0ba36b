"""StopCallStreamOperator, apart from how waits end, which is tested in test_waits_agree."""

from __future__ import annotations

import traceback
import warnings
from datetime import timedelta

import pytest
from simulated import STOPS, http_status, stop_returns

from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.simulator.compatibility import endpoints


def stop_operator(stream, **arguments):
    return StopCallStreamOperator(task_id="stop", **{**stream, **arguments})


def test_stop_without_waiting_returns_the_first_record_unchanged(simulator, stream):
    simulator.set_faults([{"match": STOPS, "kind": "patch", "set": {"status": "queued", "new_key": [1, None]}}])
    record = stop_operator(stream).execute({})
    expected = endpoints.stop_stream(simulator.state, simulator.project, *stream.values(), {"Status": "stopped"})
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


def test_missing_stream_is_ignored_also_when_deferred(simulator, stream, run_task, make_connection):
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([http_status(503, times=1)])
    missing = {**stream, "stream_sid": "missing", "ignore_if_missing": True}
    assert run_task(lambda: stop_operator(missing, wait_for_completion=True, deferrable=True)) is None
    assert len(run_task.deferrals) == 1


def test_options_of_a_wait_without_a_wait_are_warned_of(stream, monkeypatch):
    options = {"deferrable": True, "poll_interval": 10, "timeout": timedelta(minutes=10)}
    with pytest.warns(UserWarning, match="has no effect without wait_for_completion=True") as caught:
        StopCallStreamOperator(task_id="stop", **stream, **options)
    assert [str(warning.message).split()[2] for warning in caught] == ["deferrable=True", "poll_interval", "timeout"]
    assert {warning.filename for warning in caught} == {__file__}

    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        stop_operator(stream, wait_for_completion=True, **options)
        stop_operator(stream, deferrable=True)


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 404}, {"kind": "reset", "times": None}])
@pytest.mark.parametrize("arguments", [{}, {"wait_for_completion": True, "timeout": 0}], ids=repr)
def test_traceback_of_a_failed_request_ends_at_the_client(simulator, stream, no_backoff, fault, arguments):
    simulator.set_faults([fault])
    with pytest.raises(SignalWireError) as caught:
        stop_operator(stream, **arguments).execute({})

    frames = traceback.extract_tb(caught.value.__traceback__)
    ours = [frame.name for frame in frames if "airflow_provider_signalwire/" in frame.filename]
    assert ours[0] == "execute"
    assert ours[-1] == "run"
    assert len(ours) == 3
