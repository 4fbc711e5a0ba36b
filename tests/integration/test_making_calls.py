"""Calls that real Airflow makes and hangs up."""

from __future__ import annotations

CALL = {"to": "+15550100001", "from": "+15550100002", "url": "https://bot.example.com/laml"}


def test_call_that_may_have_been_made_fails_the_run(run_dag, simulator, connection):
    create = {"method": "POST", "path_contains": "/Calls"}
    simulator.set_faults([{"match": create, "kind": "reset", "when": "after"}])

    run = run_dag("make_and_hang_up_call", **CALL)

    assert run.tasks["create_call"][0] == "failed"
    assert run.state == "failed"
    assert len(simulator.state.snapshot()["calls"]) == 1
