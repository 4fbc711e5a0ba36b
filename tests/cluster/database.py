"""Airflow's metadata database, read beside it: what its components believe, whichever of them are alive."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any, NamedTuple

import psycopg2
from processes import wait_until

UNFINISHED = ("scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule")


class TaskInstance(NamedTuple):
    """A row of Airflow's table, as far as tests look at it."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    hostname: str
    pid: int | None


class Database:
    """The metadata database.

    :param url: of PostgreSQL
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def task_instances(self, run_id: str, state: str | None = None) -> list[TaskInstance]:
        """Return a run's task instances, all or those in a state."""
        rows = self._query(
            "SELECT task_id, map_index, state, try_number, hostname, pid FROM task_instance"
            " WHERE run_id = %s ORDER BY task_id, map_index",
            run_id,
        )
        return [task for task in (TaskInstance(*row) for row in rows) if state in (None, task.state)]

    def states(self, run_id: str) -> Counter[str | None]:
        """How many task instances of a run are in each state."""
        return Counter(task.state for task in self.task_instances(run_id))

    def tries(self, run_id: str) -> int:
        """How many tries of a run's tasks there were beyond the first."""
        return sum(task.try_number - 1 for task in self.task_instances(run_id))

    def run_state(self, run_id: str) -> str:
        ((state,),) = self._query("SELECT state FROM dag_run WHERE run_id = %s", run_id)
        return str(state)

    def wait_for_end(self, run_id: str, seconds: float) -> None:
        """Return when a run has ended, one way or another."""

        def has_ended() -> bool:
            return self.run_state(run_id) in ("success", "failed")

        try:
            wait_until(has_ended, f"run {run_id} has ended", seconds, pause=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; its tasks: {self.task_instances(run_id)}") from None

    def triggers(self) -> int:
        """How many triggers there are."""
        ((count,),) = self._query("SELECT count(*) FROM trigger")
        return int(count)

    def unfinished(self) -> list[Any]:
        """What is under way, or stuck: the states of unfinished runs and tasks."""
        runs = self._query("SELECT run_id, state FROM dag_run WHERE state NOT IN ('success', 'failed')")
        tasks = self._query("SELECT task_id, map_index, state FROM task_instance WHERE state IN %s", UNFINISHED)
        return [*runs, *tasks]

    def insert_events(self, asset: str, count: int) -> None:
        """Let an asset have events of which each starts a stream; a third of them have the same time as another."""
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
