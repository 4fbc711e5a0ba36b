"""The example DAG approved_stream_cleanup, with a response through Airflow's REST API, as its UI sends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from simulated import running

pytest.importorskip("airflow.sdk.execution_time.hitl", reason="needs Airflow 3.1 or newer")

DAG_ID = "approved_stream_cleanup"
NAME = "call_stream_lifecycle.start_call_stream"
SECONDS = 120


@pytest.fixture(scope="module")
def api(airflow_database: Any) -> Iterator[Any]:
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from fastapi.testclient import TestClient

    purge_cached_app()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
        with TestClient(create_app(apps="core"), base_url="http://127.0.0.1") as client:
            token = client.get("/auth/token").json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    purge_cached_app()


class Person(threading.Thread):
    """Responds to the request of the DAG's next run.

    :param before: called before the response
    """

    def __init__(self, api: Any, option: str, before: Any = lambda: None) -> None:
        super().__init__(daemon=True)
        self._api, self._option, self._before = api, option, before
        self.body = ""

    def run(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not (found := self._find()):
            assert time.monotonic() < deadline, "no approval was requested"
            time.sleep(0.1)
        self.body = found[0]["body"]
        self._before()
        ti = found[0]["task_instance"]
        path = f"/api/v2/dags/{DAG_ID}/dagRuns/{ti['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
        response = self._api.patch(path, json={"chosen_options": [self._option], "params_input": {}})
        assert response.status_code == 200, response.text

    def _find(self) -> list[dict[str, Any]]:
        found = self._api.get(f"/api/v2/dags/{DAG_ID}/dagRuns/~/hitlDetails?response_received=false")
        return [detail for detail in found.json()["hitl_details"] if detail["task_instance"]["state"] != "running"]


def seed(simulator: Any, count: int) -> list[dict[str, Any]]:
    return list(simulator.seed(count=count, age_seconds=5 * 3600, streams=[{"name": NAME}]))


def test_exactly_the_approved_streams_are_stopped(run_dag, simulator, connection, api):
    approved = seed(simulator, 2)
    person = Person(api, "Approve", before=lambda: seed(simulator, 1))
    person.start()

    run = run_dag(DAG_ID)

    person.join()
    assert run.state == "success"
    assert {call["sid"] for call in approved} == {call["sid"] for call in approved if call["sid"] in person.body}
    assert run.results["stop_streams"]["stopped"] == 2
    assert len(running(simulator)) == 1
    assert not set(running(simulator)) & {call["streams"][0]["sid"] for call in approved}


def test_rejected_streams_keep_running(run_dag, simulator, connection, api):
    seed(simulator, 2)
    person = Person(api, "Reject")
    person.start()

    run = run_dag(DAG_ID)

    person.join()
    assert run.state == "success"
    assert run.tasks["stop_streams"][0] == "skipped"
    assert len(running(simulator)) == 2
    assert all(request["method"] == "GET" for request in simulator.requests())
