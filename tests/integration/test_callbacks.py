"""Callbacks that real Airflow calls when a task fails."""

from __future__ import annotations


def running(simulator):
    return [stream["name"] for stream in simulator.state.snapshot()["streams"] if stream["status"] != "stopped"]


def test_stream_is_stopped_when_a_task_fails(run_dag, simulator, connection):
    [call] = simulator.seed(streams=[{"name": "media"}, {"name": "other"}])

    run = run_dag("failing_work", call_sid=call["sid"])

    assert run.state == "failed"
    assert running(simulator) == ["other"]


def test_failure_of_the_callback_is_logged_and_changes_nothing(run_dag, simulator, connection, caplog, capfd):
    [call] = simulator.seed(streams=[{"name": "media"}])
    stops = {"method": "POST", "path_contains": "/Streams/"}
    simulator.set_faults([{"match": stops, "kind": "status", "status": 401, "times": None}])

    run = run_dag("failing_work", call_sid=call["sid"])

    assert run.tasks == {"work": ("failed", 1)}
    logged = caplog.text + "".join(capfd.readouterr())
    assert "The stream was not stopped: it may be running." in logged
    assert "SignalWireAuthenticationError: Could not stop stream 'media'" in logged
    assert simulator.token not in logged
