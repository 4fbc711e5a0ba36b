"""The example DAG approved_stream_cleanup, with a response as Airflow's REST API stores it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from simulated import running

pytest.importorskip("airflow.sdk.execution_time.hitl", reason="needs Airflow 3.1 or newer")

REQUESTS = """
    SELECT run_id, body FROM hitl_detail JOIN task_instance ON task_instance.id = ti_id
    WHERE dag_id = ? AND responded_at IS NULL AND state != 'running'
"""
DAG_ID = "approved_stream_cleanup"
NAME = "call_stream_lifecycle.start_call_stream"
SECONDS = 120


class Person(threading.Thread):
    """Responds to the request of the DAG's next run.

    :param database: runs a statement in Airflow's database
    :param before: called before the response
    """

    def __init__(self, database: Any, option: str, before: Any = lambda: None) -> None:
        super().__init__(daemon=True)
        self._database, self._option, self._before = database, option, before
        self.body = ""

    def run(self) -> None:
        # Imported here, because it takes seconds, and every worker of pytest-xdist imports the module.
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
        from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
        from airflow.utils.session import create_session

        deadline = time.monotonic() + SECONDS
        while not (found := self._database(REQUESTS, DAG_ID)):
            assert time.monotonic() < deadline, "no approval was requested"
            time.sleep(0.1)
        [(run_id, self.body)] = found
        self._before()
        with create_session() as session:
            update_hitl_detail(
                dag_id=DAG_ID,
                dag_run_id=run_id,
                task_id="approve",
                update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[self._option], params_input={}),
                user=SimpleAuthManagerUser(username="person", role="admin"),
                session=session,
            )


def seed(simulator: Any, count: int) -> list[dict[str, Any]]:
    return list(simulator.seed(count=count, age_seconds=5 * 3600, streams=[{"name": NAME}]))


def test_exactly_the_approved_streams_are_stopped(run_dag, simulator, connection, database):
    approved = seed(simulator, 2)
    person = Person(database, "Approve", before=lambda: seed(simulator, 1))
    person.start()

    run = run_dag(DAG_ID)

    person.join()
    assert run.state == "success"
    assert {call["sid"] for call in approved} == {call["sid"] for call in approved if call["sid"] in person.body}
    assert run.results["stop_streams"]["stopped"] == 2
    assert len(running(simulator)) == 1
    assert not set(running(simulator)) & {call["streams"][0]["sid"] for call in approved}


def test_rejected_streams_keep_running(run_dag, simulator, connection, database):
    seed(simulator, 2)
    person = Person(database, "Reject")
    person.start()

    run = run_dag(DAG_ID)

    person.join()
    assert run.state == "success"
    assert run.tasks["stop_streams"][0] == "skipped"
    assert len(running(simulator)) == 2
    assert all(request["method"] == "GET" for request in simulator.requests())
