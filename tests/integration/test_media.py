"""Starts of streams in real Airflow: named, mapped, retried, and torn down after failed work."""

from __future__ import annotations

import json

import pytest

STARTS = {"method": "POST", "path_contains": "/Streams"}


@pytest.fixture
def my_bot(monkeypatch):
    """The connection and the Variables that the DAGs take their secrets from."""
    monkeypatch.setenv("AIRFLOW_CONN_MY_BOT", json.dumps({"conn_type": "http", "password": "a-bots-token"}))
    monkeypatch.setenv("AIRFLOW_VAR_BOT_WORD", "a-bots-word")
    monkeypatch.setenv("AIRFLOW_VAR_ADDRESS_KEY", "a-key/with a space")


def running(simulator):
    return [stream for stream in simulator.state.snapshot()["streams"] if stream["status"] != "stopped"]


def test_start_with_a_lost_response_leaves_one_stream_known_by_its_sid(run_dag, simulator, connection, my_bot):
    [call] = simulator.seed()
    simulator.set_faults([{"match": STARTS, "kind": "reset", "when": "after"}])

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("success", 1)}
    [stream] = running(simulator)
    assert run.results["start"]["sid"] == stream["sid"]
    assert stream["name"] == "start.start"


def test_next_try_replaces_the_stream_of_a_try_with_an_unknown_outcome(run_dag, simulator, make_connection, my_bot):
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed()
    # The start is processed, but its response is lost; the stop is refused, so the try fails.
    simulator.set_faults(
        [{"match": STARTS, "kind": "reset", "when": "after"}, {"match": STARTS, "kind": "status", "status": 401}]
    )

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("success", 2)}
    [stream] = running(simulator)
    assert run.results["start"]["sid"] == stream["sid"]
    assert len(simulator.state.snapshot()["streams"]) == 2


def test_name_in_use_fails_the_task_without_a_retry(run_dag, simulator, connection, my_bot):
    [call] = simulator.seed(streams=[{"name": "start.start"}])

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("failed", 1)}
    assert [stream["sid"] for stream in running(simulator)] == [call["streams"][0]["sid"]]


def test_mapped_starts_are_named_by_map_index_and_can_be_expanded_over(run_dag, simulator, connection):
    calls = [call["sid"] for call in simulator.seed(count=2)]

    run = run_dag("start_many_stop_many", call_sids=[*calls, calls[0]])

    assert run.state == "success"
    streams = {stream["name"]: stream for stream in simulator.state.snapshot()["streams"]}
    started = {f"start_many_stop_many.start.{index}": run.results[f"start.{index}"]["sid"] for index in range(3)}
    assert {name: stream["sid"] for name, stream in streams.items()} == started
    assert streams["start_many_stop_many.start.1"]["call_sid"] == calls[1]
    assert {run.results[f"stop.{index}"]["sid"] for index in range(3)} == set(started.values())
    assert running(simulator) == []


def test_each_key_of_the_record_can_be_used_downstream(run_dag, simulator, connection):
    [call] = simulator.seed()

    run = run_dag("start_stop_by_output", call_sid=call["sid"])

    assert run.state == "success"
    assert run.results["stop"]["sid"] == run.results["start"]["sid"]
    assert set(run.xcom_keys["start"]) == {"return_value", *run.results["start"]}
    assert running(simulator) == []


def test_do_xcom_push_false_stores_nothing(run_dag, simulator, connection):
    [call] = simulator.seed()

    run = run_dag("start_without_xcom", call_sid=call["sid"])

    assert run.state == "success"
    assert run.xcom_keys == {}
    assert len(running(simulator)) == 1
