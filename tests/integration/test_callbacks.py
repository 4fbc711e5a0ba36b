"""Callbacks that real Airflow calls when a task fails."""

from __future__ import annotations

from simulated import http_status


def test_failure_of_the_callback_is_logged_and_changes_nothing(run_dag, simulator, connection, caplog, capfd):
    [call] = simulator.seed(streams=[{"name": "media"}])
    simulator.set_faults([http_status(401)])

    run = run_dag("failing_work", call_sid=call["sid"])

    assert run.tasks == {"work": ("failed", 1)}
    logged = caplog.text + "".join(capfd.readouterr())
    assert "The stream was not stopped: it may be running." in logged
    assert "SignalWireAuthenticationError: Could not stop stream 'media'" in logged
    assert simulator.token not in logged
