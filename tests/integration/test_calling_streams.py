"""Streams of the Calling API that real Airflow starts, retries and stops."""

from __future__ import annotations

import json

import pytest

COMMANDS = {"method": "POST", "path_contains": "/api/calling/calls"}


@pytest.fixture
def call_id(simulator, make_connection, monkeypatch):
    make_connection(extra={"max_attempts": 1})
    bot = {"conn_type": "generic", "host": "wss://bot.example.com/audio", "password": "a-bots-token"}
    monkeypatch.setenv("AIRFLOW_CONN_MY_BOT", json.dumps(bot))
    monkeypatch.setenv("AIRFLOW_VAR_BOT_WORD", "a-bots-word")
    monkeypatch.setenv("AIRFLOW_VAR_ADDRESS_KEY", "a-key/with a space")
    [call] = simulator.seed_native_calls()
    return call["sid"]


def test_next_try_uses_the_same_control_id(run_dag, simulator, call_id):
    # The start is processed, but its response is lost; the stop is refused, so the try fails.
    lost = [{"match": COMMANDS, "kind": "reset", "when": "after"}, {"match": COMMANDS, "kind": "status", "status": 503}]
    simulator.set_faults(lost)

    run = run_dag("calling_start", call_id=call_id)

    assert run.tasks == {"start": ("success", 2)}
    ids = {request["form"]["params"]["control_id"] for request in simulator.requests("/api/calling")}
    assert ids == {run.results["start"]["control_id"]}
    [stream] = [stream for stream in simulator.state.snapshot()["streams"] if stream["status"] != "stopped"]
    assert stream["sid"] == run.results["start"]["control_id"]
