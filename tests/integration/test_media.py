"""Starting streams by real Airflow: by name, mapped, retried, and torn down whatever happened."""

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


def test_a_start_whose_answer_is_lost_leaves_one_stream_known_by_its_sid(run_dag, simulator, connection, my_bot):
    [call] = simulator.seed()
    simulator.set_faults([{"match": STARTS, "kind": "reset", "when": "after"}])

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("success", 1)}
    [stream] = running(simulator)
    assert run.results["start"]["sid"] == stream["sid"]
    assert stream["name"] == "start.start"


def test_a_further_try_of_the_task_replaces_what_the_one_before_left(run_dag, simulator, make_connection, my_bot):
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed()
    # The start is processed, but its answer is lost; the stream cannot be stopped either, so the try fails.
    simulator.set_faults(
        [{"match": STARTS, "kind": "reset", "when": "after"}, {"match": STARTS, "kind": "status", "status": 503}]
    )

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("success", 2)}
    [stream] = running(simulator)
    assert run.results["start"]["sid"] == stream["sid"]
    assert len(simulator.state.snapshot()["streams"]) == 2


def test_a_name_in_use_fails_the_task_for_good(run_dag, simulator, connection, my_bot):
    [call] = simulator.seed(streams=[{"name": "start.start"}])

    run = run_dag("start", call_sid=call["sid"])

    assert run.tasks == {"start": ("failed", 1)}
    assert [stream["sid"] for stream in running(simulator)] == [call["streams"][0]["sid"]]


def test_mapped_tasks_name_their_streams_by_their_index(run_dag, simulator, connection, my_bot):
    [call, other] = simulator.seed(count=2)

    run = run_dag("start_on_many", call_sids=[call["sid"], other["sid"], call["sid"]])

    assert run.state == "success"
    by_name = {stream["name"]: stream for stream in running(simulator)}
    assert {f"start_on_many.{key}": result["sid"] for key, result in run.results.items() if key != "call_sids"} == {
        name: stream["sid"] for name, stream in by_name.items()
    }
    assert set(by_name) == {f"start_on_many.start.{index}" for index in range(3)}
    assert by_name["start_on_many.start.1"]["call_sid"] == other["sid"]


def test_the_stream_is_stopped_although_the_work_failed(run_dag, simulator, connection):
    simulator.reset(stop_delay_ms=150, answer_delay_ms=0)
    [call] = simulator.seed()

    run = run_dag("start_work_stop", call_sid=call["sid"])

    assert run.state == "failed"
    assert {task: state for task, (state, _) in run.tasks.items()} == {
        "start": "success",
        "work": "failed",
        "stop": "success",
    }
    assert run.results["stop"]["sid"] == run.results["start"]["sid"]
    assert run.results["stop"]["status"] == "stopped"
    assert running(simulator) == []
