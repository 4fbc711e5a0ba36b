"""Runs Airflow's supervisor, as a worker does, with the task in its child process.

Reads commands from standard input, one JSON list per line, and writes one JSON value per command to the pipe given on
the command line. Further commands call the functions of Airflow that the scheduler and the UI call between two tries.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from airflow import settings
from airflow._shared.timezones import timezone
from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.executors.workloads import BundleInfo
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance as TaskInstanceOfWorker
from airflow.sdk.execution_time.supervisor import supervise_task
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

import airflow_provider_signalwire.client.transport.sync_client
import airflow_provider_signalwire.operators.call_stream  # noqa: F401 - children find it imported

FOLDER = Path(os.environ["KILLED_STARTS"])
DAG_ID = "killed_starts"
URL = "http://in-process.invalid./"


class Transport(httpx.BaseTransport):
    """Airflow's API in this process, which can hold one request, fail requests, or be unreachable.

    :param app: Airflow's API.
    :param folder: Holds the files that control it: ``unreachable``, and ``release`` for a request that is held.
    :param hold: Method, part of the path, number and moment (``before`` or ``after``) of that request.
    :param failing: Method and part of the path of the requests that fail.
    """

    def __init__(self, app: Any, folder: Path, hold: list[Any] | None, failing: list[str] | None) -> None:
        api = InProcessExecutionAPI()
        api._app = app
        self._inner = api.transport
        self._folder = folder
        self._hold = hold
        self._failing = failing
        self._seen = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if (self._folder / "unreachable").exists():
            raise httpx.ConnectError("connection refused")
        if self._failing is not None and self._matches(request, *self._failing):
            return httpx.Response(500, json={"detail": "no space left"}, request=request)
        if self._hold is None or not self._matches(request, *self._hold[:2]):
            return self._inner.handle_request(request)
        number, moment = self._hold[2:]
        self._seen += 1
        is_held = self._seen == number
        if is_held and moment == "before":
            self._wait()
        response = self._inner.handle_request(request)
        if is_held and moment == "after":
            self._wait()
        return response

    def _matches(self, request: httpx.Request, method: str, path: str) -> bool:
        return request.method == method and path in request.url.path

    def _wait(self) -> None:
        (self._folder / "reached").touch()
        while not (self._folder / "release").exists():
            time.sleep(0.02)


def load_dags() -> Any:
    manager = DagBundlesManager()
    with create_session() as session:
        manager.sync_bundles_to_db(session=session)
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    assert not bag.import_errors, bag.import_errors
    sync_bag_to_db(bag, bundle.name, bundle.version)
    return bundle


def make_app() -> Any:
    """Return Airflow's API after its first request, which takes longer than all others together."""
    api = InProcessExecutionAPI()
    Client(base_url=URL, token="", transport=api.transport).get("health")
    return api.app


def create_run(run_id: str, conf: dict[str, Any]) -> None:
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag(DAG_ID, session=session)
        dag.create_dagrun(
            run_id=run_id,
            run_after=timezone.utcnow(),
            logical_date=None,
            conf=conf,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )


def find(session: Any, run_id: str, task_id: str) -> TaskInstance:
    query = select(TaskInstance).filter_by(dag_id=DAG_ID, run_id=run_id, task_id=task_id)
    ti = session.scalars(query).one()
    ti.task = DBDagBag().get_latest_version_of_dag(DAG_ID, session=session).get_task(task_id)
    return ti


def supervise(app: Any, bundle: Any, run_id: str, task_id: str, hold: Any = None, failing: Any = None) -> int:
    """Queue a task's next try and run it; return the supervisor's process id."""
    with create_session() as session:
        ti = find(session, run_id, task_id)
        run = session.scalars(select(DagRun).filter_by(dag_id=DAG_ID, run_id=run_id)).one()
        run.schedule_tis([ti], session=session)
        session.flush()
        session.refresh(ti)
        ti.state = TaskInstanceState.QUEUED
        what = TaskInstanceOfWorker(
            id=UUID(str(ti.id)),
            task_id=task_id,
            dag_id=DAG_ID,
            run_id=run_id,
            try_number=ti.try_number,
            map_index=ti.map_index,
            dag_version_id=UUID(str(ti.dag_version_id)),
        )
    settings.engine.dispose()
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    status = 1
    try:
        folder = FOLDER / run_id
        client = Client(base_url=URL, token="", transport=Transport(app, folder, hold, failing))
        status = supervise_task(
            ti=what,
            bundle_info=BundleInfo(name=bundle.name, version=None),
            dag_rel_path="killed_starts.py",
            token="",
            client=client,
            log_path=f"{run_id}/{what.try_number}.log",
        )
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def mark_failed(run_id: str, task_id: str) -> None:
    """Do what "mark failed" in the UI does."""
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag(DAG_ID, session=session)
        dag.set_task_instance_state(
            task_id=task_id, run_id=run_id, state=TaskInstanceState.FAILED, commit=True, session=session
        )


def clear(run_id: str, task_id: str) -> None:
    """Do what "clear" in the UI does."""
    with create_session() as session:
        clear_task_instances([find(session, run_id, task_id)], session)


def give_up(run_id: str, task_id: str) -> None:
    """Do what the scheduler does with a task that sends no heartbeat."""
    with create_session() as session:
        find(session, run_id, task_id).handle_failure("no heartbeat", session=session)


def state(run_id: str, task_id: str) -> str | None:
    with create_session() as session:
        return find(session, run_id, task_id).state


def main() -> None:
    responses = os.fdopen(int(sys.argv[1]), "w")
    bundle = load_dags()
    app = make_app()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    commands = {
        "create_run": create_run,
        "supervise": lambda *arguments: supervise(app, bundle, *arguments),
        **{function.__name__: function for function in (mark_failed, clear, give_up, state)},
    }
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(commands[name](*arguments)), file=responses, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
