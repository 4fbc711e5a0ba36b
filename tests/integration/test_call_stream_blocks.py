"""Blocks of call_stream() in real Airflow: the run fails if the work or the stop fails, and no stream is left."""

from __future__ import annotations

import pytest
from simulated import http_status, running, streams


def assert_each_stopped(simulator, count):
    assert [stream["status"] for stream in streams(simulator)] == ["stopped"] * count


def states(run):
    return {task: state for task, (state, _) in run.tasks.items()}


def states_of(run, beginning):
    """The states of the tasks whose ids begin so, in whatever group they are."""
    names = {name: name.removeprefix("group.").removeprefix("mapped_group.") for name in run.tasks}
    return {state for name, state in states(run).items() if names[name].startswith(beginning)}


@pytest.mark.parametrize("failing", [None, "work", "stop_"])
@pytest.mark.parametrize("dag_id", ["block_in_group", "block_in_mapped_group", "nested_blocks"])
def test_run_fails_if_the_work_or_the_stop_fails(run_dag, simulator, connection, dag_id, failing):
    calls = [call["sid"] for call in simulator.seed(count=2)]
    simulator.set_faults([http_status(401)] if failing == "stop_" else [])

    run = run_dag(dag_id, call_sid=calls[0], call_sids=calls, work_fails=failing == "work")

    assert run.state == ("failed" if failing else "success")
    for tasks in ("work", "stop_"):
        assert states_of(run, tasks) == {"failed" if failing == tasks else "success"}
    if "idle" in run.tasks:  # it follows the group
        assert states(run)["idle"] == ("upstream_failed" if failing == "work" else "success")
    assert len(streams(simulator)) == {"block_in_mapped_group": 2, "nested_blocks": 2}.get(dag_id, 1)
    assert failing == "stop_" or not running(simulator)
    if dag_id == "nested_blocks":
        stopped = [request["path"].rpartition("/")[2] for request in simulator.requests("/Streams/")]
        assert list(dict.fromkeys(stopped)) == [run.results[f"start_{name}"]["sid"] for name in ("inner", "outer")]


def test_start_that_fails_skips_work_and_stop(run_dag, simulator, connection):
    [call] = simulator.seed(status="completed")
    run = run_dag("block", call_sid=call["sid"])
    assert run.state == "failed"
    assert states(run)["start_call_stream"] == "failed"
    assert {states(run)[name] for name in ("work", "stop_call_stream")} == {"upstream_failed"}


def test_stop_waits_for_all_work_also_if_its_results_are_used_outside(run_dag, simulator, connection, dag_bags):
    [call] = simulator.seed()
    work_ended = dag_bags["block_with_report"][1].get_task("call_stream_work_ended")
    assert work_ended.upstream_task_ids == {"start_call_stream", "work", "idle"}
    assert run_dag("block_with_report", call_sid=call["sid"], work_fails=False).state == "success"
    assert_each_stopped(simulator, 1)


def test_block_without_work_starts_and_stops(run_dag, simulator, connection):
    [call] = simulator.seed()
    assert run_dag("block_without_work", call_sid=call["sid"]).state == "success"
    assert_each_stopped(simulator, 1)


def test_mapped_work_ends_before_the_stop(run_dag, simulator, connection):
    [call] = simulator.seed()
    run = run_dag("block_with_mapped_work", call_sid=call["sid"], call_sids=["a", "b"], work_fails=False)
    assert run.state == "success"
    assert {"work.0", "work.1"} <= set(run.tasks)
    assert_each_stopped(simulator, 1)
