"""Queries to Airflow's metadata database, which work while components are down."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any, NamedTuple

import psycopg2
from processes import TIMEOUT_SECONDS, wait_until

UNFINISHED = ("scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule")


class TaskInstance(NamedTuple):
    """The columns of a task instance that the tests use."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    hostname: str
    pid: int | None


class Database:
    """The metadata database.

    :param url: PostgreSQL URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def task_instances(self, run_id: str, state: str | None = None) -> list[TaskInstance]:
        """Return a run's task instances, optionally only those in a state."""
        rows = self._query(
            "SELECT task_id, map_index, state, try_number, hostname, pid FROM task_instance"
            " WHERE run_id = %s ORDER BY task_id, map_index",
            run_id,
        )
        return [task for task in (TaskInstance(*row) for row in rows) if state in (None, task.state)]

    def state_counts(self, run_id: str) -> Counter[str | None]:
        """Return the number of a run's task instances in each state."""
        return Counter(task.state for task in self.task_instances(run_id))

    def retries(self, run_id: str) -> int:
        """Return the total number of retries of a run's tasks."""
        return sum(task.try_number - 1 for task in self.task_instances(run_id))

    def run_state(self, run_id: str) -> str:
        ((state,),) = self._query("SELECT state FROM dag_run WHERE run_id = %s", run_id)
        return str(state)

    def wait_for_end(self, run_id: str, seconds: float = TIMEOUT_SECONDS) -> str:
        """Wait until a run has succeeded or failed, and return its state."""

        def has_ended() -> bool:
            return self.run_state(run_id) in ("success", "failed")

        try:
            wait_until(has_ended, f"run {run_id} has ended", seconds, pause=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; its tasks: {self.task_instances(run_id)}") from None
        return self.run_state(run_id)

    def trigger_count(self) -> int:
        ((count,),) = self._query("SELECT count(*) FROM trigger")
        return int(count)

    def unfinished(self) -> list[Any]:
        """Return the unfinished runs and tasks with their states."""
        runs = self._query("SELECT run_id, state FROM dag_run WHERE state NOT IN ('success', 'failed')")
        tasks = self._query("SELECT task_id, map_index, state FROM task_instance WHERE state IN %s", UNFINISHED)
        return [*runs, *tasks]

    def insert_events(self, asset: str, count: int) -> None:
        """Insert events of an asset that each record a started stream; a third share their time with another."""
        entry = {"event": "started", "account_sid": "AC", "call_sid": "CA", "name": "bot", "outlives_run": False}
        extra = {"signalwire_streams": {"version": 1, "entries": [entry]}}
        with contextlib.closing(psycopg2.connect(self._url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO asset_event (asset_id, extra, source_dag_id, source_run_id, source_task_id,"
                " source_map_index, timestamp)"
                " SELECT asset.id, jsonb_set(jsonb_set(%s::jsonb, '{signalwire_streams,entries,0,stream_sid}',"
                " to_jsonb(md5(number::text))), '{signalwire_streams,entries,0,at}', to_jsonb(now())),"
                " 'journal_owner', 'run ' || number, 'start', -1, now() - (number - number %% 3 %% 2) * interval '1 ms'"
                " FROM asset, generate_series(1, %s) AS number WHERE asset.name = %s",
                (json.dumps(extra), count, asset),
            )

    def _query(self, statement: str, *values: Any) -> list[Any]:
        with contextlib.closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()
