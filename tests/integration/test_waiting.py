"""Waits for a stream's stop and a call's end in real Airflow: every mode has the same result."""

from __future__ import annotations

import pytest
from simulated import call_returns, http_status, stop_always_returns, stop_returns

from airflow_provider_signalwire.simulator.compatibility import endpoints

KEYS = {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}
SENSOR_MODES = ["poke", "reschedule", "deferrable"]
STREAM_DAGS = ["stop_sync", "stop_deferred", *[f"stream_sensor_{mode}" for mode in SENSOR_MODES]]


@pytest.fixture
def stream(simulator, connection):
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


@pytest.mark.parametrize("dag_id", STREAM_DAGS)
def test_slow_stop_returns_the_unchanged_record(run_dag, simulator, stream, dag_id):
    simulator.set_faults(stop_returns("queued", "in-progress"))

    run = run_dag(dag_id, **stream)

    record = endpoints.stop_stream(simulator.state, simulator.project, *stream.values(), {"Status": "stopped"})
    assert set(record) == KEYS
    assert record["status"] == "stopped"
    assert run.tasks == {"wait": ("success", 1)}
    assert run.results == {"wait": record}
    assert len(simulator.requests("/Streams/")) == 3


def test_ended_call_succeeds_with_a_derived_record(run_dag, simulator, connection):
    [call] = simulator.seed(status="completed", streams=[{"name": "media"}])

    run = run_dag("stop_sync", call_sid=call["sid"], stream_sid="media")

    assert run.tasks == {"wait": ("success", 1)}
    record = run.results["wait"]
    assert set(record) == KEYS
    assert (record["sid"], record["name"], record["status"]) == ("media", None, "stopped")
    assert record["date_updated"] == simulator.state.snapshot()["calls"][0]["end_time"]


@pytest.mark.parametrize("dag_id", ["stop_sync", "stream_sensor_poke"])
def test_unknown_stream_fails_the_task_without_a_retry(run_dag, simulator, stream, dag_id):
    run = run_dag(dag_id, call_sid=stream["call_sid"], stream_sid="nowhere")

    # Its two retries are not used: one stop, and one read of the call to learn why it was refused.
    assert run.tasks == {"wait": ("failed", 1)}
    assert [request["method"] for request in simulator.requests()] == ["POST", "GET"]
    assert run.results == {}


@pytest.mark.parametrize("dag_id", ["stop_deferred", "stream_sensor_deferrable"])
def test_error_in_the_triggerer_fails_the_task_without_a_retry(run_dag, simulator, stream, dag_id):
    simulator.set_faults([*stop_returns("queued"), http_status(401)])

    run = run_dag(dag_id, **stream)

    assert run.tasks == {"wait": ("failed", 1)}
    assert len(simulator.requests("/Streams/")) == 2


@pytest.mark.parametrize("dag_id", ["stop_sync_ignoring", "stop_deferred_ignoring"])
def test_ignore_if_missing_succeeds_for_an_unknown_stream(run_dag, simulator, stream, dag_id):
    run = run_dag(dag_id, call_sid=stream["call_sid"], stream_sid="nowhere")

    assert run.tasks == {"wait": ("success", 1)}
    assert run.results.get("wait") is None


def test_transient_failure_does_not_end_the_wait(run_dag, simulator, make_connection, stream):
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([*stop_returns("queued"), http_status(429, times=1)])

    run = run_dag("stop_deferred", **stream)

    assert run.tasks == {"wait": ("success", 1)}
    assert run.results["wait"]["status"] == "stopped"


@pytest.mark.parametrize("dag_id", ["stop_sync_in_vain", "stop_deferred_in_vain"])
def test_stop_that_never_happens_fails_after_airflows_retries(run_dag, simulator, stream, dag_id):
    simulator.set_faults([stop_always_returns("queued")])

    assert run_dag(dag_id, **stream).tasks == {"wait": ("failed", 3)}


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_soft_fail_skips_on_a_timeout(run_dag, simulator, stream, mode):
    simulator.set_faults([stop_always_returns("queued")])

    assert run_dag(f"stream_sensor_{mode}_softly_in_vain", **stream).tasks == {"wait": ("skipped", 1)}


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_soft_fail_raises_real_errors(run_dag, simulator, stream, mode):
    simulator.set_faults([*stop_returns("queued"), http_status(401)])

    run = run_dag(f"stream_sensor_{mode}_softly", **stream)

    assert run.tasks == {"wait": ("failed", 1)}
    assert len(simulator.requests("/Streams/")) == 2


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_call_sensor_only_reads(run_dag, simulator, connection, mode):
    [call] = simulator.seed(status="completed")
    simulator.set_faults(call_returns("in-progress"))

    run = run_dag(f"call_sensor_{mode}", call_sid=call["sid"])

    assert run.tasks == {"wait": ("success", 1)}
    assert run.results == {"wait": endpoints.get_call(simulator.state, simulator.project, call["sid"], {})}
    assert {request["method"] for request in simulator.requests()} == {"GET"}


def test_call_that_ended_otherwise_fails_the_task_without_a_retry(run_dag, simulator, connection):
    [call] = simulator.seed(status="busy")

    run = run_dag("call_sensor_poke", call_sid=call["sid"])

    assert run.tasks == {"wait": ("failed", 1)}
    assert len(simulator.requests()) == 1


def test_reschedule_mode_remembers_an_accepted_stop(run_dag, simulator, connection):
    """A 404 after an accepted stop means stopped, and the SID is used, although each poke runs in another process."""
    [call] = simulator.seed(streams=[{"name": "media"}])
    simulator.set_faults([*stop_returns("queued"), http_status(404, times=1)])

    run = run_dag("stream_sensor_reschedule", call_sid=call["sid"], stream_sid="media")

    assert run.tasks == {"wait": ("success", 1)}
    assert run.results["wait"]["sid"] == call["streams"][0]["sid"]
    assert len(simulator.requests(f"/Streams/{call['streams'][0]['sid']}")) == 1
