"""Retry policies that real Airflow asks (3.3 and newer)."""

from __future__ import annotations

import pytest
from simulated import http_status


def test_next_try_begins_when_signalwire_asked_for_it(run_dag, dag_bags, simulator, make_connection, caplog, capfd):
    if "stop_with_policy" not in dag_bags:
        pytest.skip("Airflow has retry policies from 3.3 on")
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed(streams=[{"name": "media"}])
    simulator.set_faults([http_status(429, times=1, headers={"Retry-After": "1"})])

    # The task's own retry_delay is a day.
    run = run_dag("stop_with_policy", call_sid=call["sid"], stream_sid="media")

    assert run.tasks == {"stop": ("success", 2)}
    assert "SignalWire asked to wait 1 s." in caplog.text + "".join(capfd.readouterr())
