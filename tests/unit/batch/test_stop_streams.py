"""StopCallStreamsOperator against the simulator."""

from __future__ import annotations

import logging
import re
import time

import pytest
from airflow.exceptions import AirflowProviderDeprecationWarning
from simulated import running

from airflow_provider_signalwire import metrics
from airflow_provider_signalwire.batch import checkpoint, runner
from airflow_provider_signalwire.client.flows import stop as stop_flows
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireConfigurationError,
)
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

pytestmark = pytest.mark.usefixtures("connection")


def stop(context, streams, **arguments):
    return StopCallStreamsOperator(task_id="stop", streams=streams, **arguments).execute(context)


def test_every_stream_is_stopped_once_without_a_task_instance(simulator, seed_rows):
    rows = seed_rows(300)
    summary = stop({}, [*rows, *rows[:5]])
    assert len(running(simulator)) == 0
    assert len(simulator.requests()) == 300
    seconds = summary.pop("seconds")
    assert 0 < seconds < 60
    assert summary == {
        "requested": 305,
        "duplicates": 5,
        "stopped": 300,
        "already_ended": 0,
        "missing": 0,
        "failed": 0,
        "retried_requests": 0,
        "failures": [],
        "failures_not_listed": 0,
    }


def test_streams_of_calls_and_of_conferences_are_stopped(simulator, seed_rows, context, caplog):
    caplog.set_level(logging.DEBUG)
    conferences = simulator.seed_conferences(count=3, streams=[{"name": "audio"}])
    [ended] = simulator.seed_conferences(streams=[{"name": "audio"}], status="completed")
    rows = [{"conference_sid": one["sid"], "stream_sid": "audio"} for one in [*conferences, ended]]
    missing = {"conference_sid": conferences[0]["sid"], "stream_sid": "gone"}
    summary = stop(context, [*seed_rows(2), *rows, missing], fail_on_error=False, return_records=True)
    assert (summary["stopped"], summary["already_ended"], summary["missing"]) == (5, 1, 1)
    assert {record["conference_sid"] for record in summary["records"] if "conference_sid" in record} == {
        row["conference_sid"] for row in rows
    }
    assert {len(record) for record in summary["records"]} == {7}
    [failure] = summary["failures"]
    assert missing.items() <= failure.items()
    assert f"stream 'gone' on conference {missing['conference_sid']!r}" in failure["message"]
    assert f"Stream is stopped (its conference has ended): 'audio' on conference '{ended['sid']}'." in caplog.text
    assert len(running(simulator)) == 0


def test_empty_list_is_a_success(simulator, context, caplog):
    with caplog.at_level(logging.INFO):
        summary = stop(context, [])
    assert (summary["requested"], summary["stopped"]) == (0, 0)
    assert "There are no streams to stop." in caplog.text
    assert simulator.requests() == []


def test_one_bad_stream_does_not_affect_the_others(simulator, seed_rows, context, caplog):
    good = seed_rows(30)
    ended = seed_rows(1)[0]
    simulator.state.end_call(ended["call_sid"])
    unknown = {"call_sid": good[0]["call_sid"], "stream_sid": "unknown"}
    with pytest.raises(SignalWireBatchRefusedError, match="1 of 32 streams could not be stopped") as raised:
        stop(context, [unknown, ended, *good])
    assert str(raised.value).count("stop stream 'unknown'") == 1
    assert "this task's XCom lists them" in str(raised.value)
    assert "30 stopped, 1 already ended, 1 missing, 0 failed." in caplog.text
    assert "These streams could not be stopped:\nCould not stop stream 'unknown' on call " in caplog.text
    assert caplog.text.count("stop stream 'unknown'") == 1
    assert len(running(simulator)) == 0
    summary = context["ti"].pushed["return_value"]
    assert (summary["stopped"], summary["already_ended"], summary["missing"], summary["failed"]) == (30, 1, 1, 0)
    assert [failure["error"] for failure in summary["failures"]] == ["SignalWireNotFoundError"]
    assert summary["failures"][0]["stream_sid"] == "unknown"


def test_missing_streams_that_are_ignored_are_warned_about(simulator, seed_rows, context, caplog):
    [row] = seed_rows(1)
    missing = [{**row, "stream_sid": f"+1555123{number}"} for number in range(4000, 4012)]
    summary = stop(context, [row, *missing], ignore_if_missing=True, max_concurrency=1)
    assert (summary["missing"], summary["failures"]) == (12, [])
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    lines = warning.splitlines()
    assert lines[0] == "These streams are missing, which is ignored:"
    assert lines[1] == f"stream '+***4000' on call '{row['call_sid']}'"
    assert (len(lines), lines[-1]) == (12, "… and 2 more.")


def test_failures_are_in_the_log_if_xcom_is_turned_off_or_fails(simulator, context, caplog):
    rows = [{"call_sid": "unknown", "stream_sid": "unknown"}]
    with pytest.raises(SignalWireBatchRefusedError, match="this task's log lists them"):
        stop(context, rows, do_xcom_push=False)
    assert not hasattr(context["ti"], "pushed")
    context["ti"].xcom_push = None
    with pytest.raises(SignalWireBatchRefusedError, match="this task's log lists them"):
        stop(context, rows)
    assert "The summary could not be pushed to XCom (TypeError: 'NoneType' object is not callable)." in caplog.text


def test_unexpected_exception_is_that_streams_failure(simulator, seed_rows, context, monkeypatch, caplog):
    rows = seed_rows(5)
    stop_stream = stop_flows.stop_stream

    def broken_flow(account_sid, call_sid, stream_sid, **options):
        if stream_sid in (rows[1]["stream_sid"], rows[2]["stream_sid"]):
            raise KeyError("+15551234567")
        return stop_stream(account_sid, call_sid, stream_sid, **options)

    monkeypatch.setattr(stop_flows, "stop_stream", broken_flow)
    with pytest.raises(SignalWireBatchError, match=r"2 of 5 .*unexpected KeyError: '\+\*\*\*4567'") as raised:
        stop(context, rows, max_concurrency=1)
    assert not isinstance(raised.value, SignalWireBatchRefusedError)
    assert len(running(simulator)) == 2
    assert caplog.text.count("Unexpected error while a stream was stopped; the batch continues.") == 1
    assert caplog.text.count("Traceback") == 1


def test_one_429_pauses_all_requests(simulator, seed_rows, context):
    rows = seed_rows(60)
    limited = {"match": {"method": "POST"}, "kind": "status", "status": 429, "headers": {"Retry-After": "2"}}
    simulator.set_faults([{**limited, "skip": 20, "times": 1}])
    summary = stop(context, rows, max_concurrency=5)
    requests = simulator.requests()
    refused_at = next(request["timestamp"] for request in requests if request["status"] == 429)
    during_pause = [r for r in requests if refused_at + 1 < r["timestamp"] < refused_at + 1.9]
    assert during_pause == []
    assert (summary["stopped"], summary["retried_requests"]) == (60, 1)


def test_rate_limit_of_a_window_is_used_and_never_exceeded(simulator, seed_rows, context):
    simulator.reset(rate_limit="40/2", latency_ms=20)
    summary = stop(context, seed_rows(60), max_requests=40, period=2)
    arrivals = [request["timestamp"] for request in simulator.requests()]
    assert {request["status"] for request in simulator.requests()} == {200}
    assert arrivals[39] - arrivals[0] < 1.9  # the first forty do not wait
    assert 2 <= summary["seconds"] < 8


def test_deprecated_rate_becomes_a_window(simulator, context):
    with pytest.warns(AirflowProviderDeprecationWarning, match="use max_requests=30, period=1"):
        operator = StopCallStreamsOperator(task_id="stop", streams=[], max_requests_per_second=30)
    assert (operator.max_requests, operator.period) == (30, 1)
    with pytest.warns(AirflowProviderDeprecationWarning):
        operator = StopCallStreamsOperator(task_id="stop", streams=[], max_requests_per_second=1.6)
    assert operator.max_requests / operator.period == pytest.approx(1.6)


def test_concurrency_is_kept(simulator, seed_rows, context):
    simulator.reset(latency_ms=50, stop_delay_ms=0)
    rows = seed_rows(40)
    started = time.monotonic()
    stop(context, rows, max_concurrency=4)
    assert time.monotonic() - started >= 0.45  # forty at 50 ms, four at a time


def test_progress_is_logged_and_saved_less_often(simulator, seed_rows, context, monkeypatch, caplog, store):
    saved = []
    monkeypatch.setattr(store, "set", lambda *entry, **options: saved.append(entry))
    context["task_state_store"] = store
    monkeypatch.setattr(runner, "SAVE_SECONDS", 1000.0)
    monkeypatch.setattr(runner, "PROGRESS_SECONDS", 0.0)
    with caplog.at_level(logging.INFO):
        stop(context, seed_rows(60), max_requests=30, period=0.5)
    lines = [record.getMessage() for record in caplog.records if "of 60 streams done" in record.getMessage()]
    assert len(lines) >= 2
    assert len(saved) == 1
    assert any(" s left." in line for line in lines[:-1])
    assert lines[-1].startswith("60 of 60 streams done: 60 stopped, 0 already ended, 0 missing, 0 failed. ")


def test_interrupted_batch_says_how_far_it_came(simulator, seed_rows, monkeypatch, caplog):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(runner, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(metrics.Stats, "gauge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stop({}, seed_rows(3))
    assert re.search(r"The batch was interrupted\. [0-3] of 3 streams done: ", caplog.text)


def test_next_try_does_not_repeat_what_is_finished(simulator, seed_rows, context, make_connection, store):
    make_connection(extra={"max_attempts": 1})
    context["task_state_store"] = store
    rows = seed_rows(20)
    broken = rows[7]["stream_sid"]
    simulator.set_faults([{"match": {"path_contains": broken}, "kind": "status", "status": 503, "times": 1}])
    with pytest.raises(SignalWireBatchError, match="1 of 20") as raised:
        stop(context, rows)
    assert not isinstance(raised.value, SignalWireBatchRefusedError)
    already_sent = len(simulator.requests())
    summary = stop(context, rows)
    later = simulator.requests()[already_sent:]
    assert [request["path"].rsplit("/", 1)[1] for request in later] == [broken]
    assert (summary["stopped"], summary["failed"]) == (20, 0)
    assert store.entries == {}


def test_other_options_start_over(simulator, seed_rows, context, store):
    context["task_state_store"] = store
    rows = [*seed_rows(3), {"call_sid": "unknown", "stream_sid": "unknown"}]
    with pytest.raises(SignalWireBatchRefusedError):
        stop(context, rows)
    already_sent = len(simulator.requests())
    stop(context, rows, ignore_if_missing=True)
    assert len(simulator.requests()) > already_sent + 3


def test_retry_that_returns_records_repeats_all_stops(simulator, seed_rows, context, store):
    context["task_state_store"] = store
    rows = [*seed_rows(3), {"call_sid": "unknown", "stream_sid": "unknown"}]
    for _ in range(2):
        with pytest.raises(SignalWireBatchRefusedError):
            stop(context, rows, return_records=True)
        assert len(context["ti"].pushed["return_value"]["records"]) == 3


def test_unavailable_bookkeeping_does_not_affect_the_work(simulator, seed_rows, context, monkeypatch, store):
    """The store and the metrics block until every stream is stopped, and then fail."""

    def block(*_, **__):
        deadline = time.monotonic() + 20
        while running(simulator) and time.monotonic() < deadline:
            time.sleep(0.02)
        raise ConnectionError("Airflow's API server is unreachable")

    monkeypatch.setattr(runner, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(store, "get", block)
    monkeypatch.setattr(store, "set", block)
    monkeypatch.setattr(metrics.Stats, "incr", block)
    context["task_state_store"] = store
    rows = seed_rows(80)
    started = time.monotonic()
    summary = stop(context, rows, max_requests=40, period=0.5)
    assert summary["stopped"] == len(simulator.requests()) == 80
    assert time.monotonic() - started < 10


def test_login_refused_later_ends_the_batch_at_once(simulator, seed_rows, context):
    rows = seed_rows(20)
    simulator.set_faults([{"match": {"method": "POST"}, "kind": "status", "status": 401, "skip": 10, "times": 1}])
    with pytest.raises(SignalWireAuthenticationError, match=r"The batch ended\. 10 of 20 streams done"):
        stop(context, rows, max_concurrency=1)
    assert len(running(simulator)) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_concurrency": 0}, "'max_concurrency' is 0"),
        ({"max_requests_per_second": 0.5}, "'max_requests_per_second' is 0.5"),
        ({"max_requests": 0}, "'max_requests' is 0"),
        ({"period": 0}, "'period' is 0"),
        ({"max_concurrency": 1.5}, "'max_concurrency' is 1.5"),
        ({"fail_on_error": "false"}, "'fail_on_error' is 'false'"),
        ({"ignore_if_missing": None}, "'ignore_if_missing' is None"),
        ({"return_records": 1}, "'return_records' is 1"),
    ],
)
def test_invalid_parameter_is_refused_when_the_dag_is_parsed(arguments, message):
    with pytest.raises(SignalWireConfigurationError, match=message):
        StopCallStreamsOperator(task_id="stop", streams=[], **arguments)


@pytest.mark.parametrize("account_sid", ["None", "..", 0], ids=repr)
def test_invalid_account_fails_the_task_whatever_is_ignored(simulator, seed_rows, context, account_sid):
    with pytest.raises(SignalWireConfigurationError, match="'account_sid' is"):
        stop(context, seed_rows(3), account_sid=account_sid, fail_on_error=False, ignore_if_missing=True)
    assert simulator.requests() == []
