"""Read a journal from Airflow's database, or fold generated events."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from airflow.sdk import DAG, Asset, task
from airflow.sdk.api.datamodels._generated import AssetEventResponse, AssetResponse
from airflow.sdk.execution_time.comms import AssetEventResult

from airflow_provider_signalwire.journal import StreamEvent, to_extra
from airflow_provider_signalwire.journal_events import read_journal

JOURNAL = Asset("journal")
NOW = datetime.now(UTC)


class GeneratedEvents:
    """Generated events, one per millisecond, in pages like Airflow's. Each records a started stream."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._first = 0
        self._limit = 0

    def after(self, since: str) -> GeneratedEvents:
        """Return all events, because none is older."""
        return self

    def ascending(self, is_ascending: bool) -> GeneratedEvents:
        """Return the newest events first."""
        return self

    def before(self, at: str) -> GeneratedEvents:
        """Return the events up to this time, inclusive."""
        self._first = round((NOW - datetime.fromisoformat(at)) / timedelta(milliseconds=1))
        return self

    def limit(self, limit: int) -> GeneratedEvents:
        """Return at most this number of events."""
        self._limit = limit
        return self

    def __iter__(self) -> Any:
        return iter([self._make(number) for number in range(self._count)[self._first : self._first + self._limit]])

    def _make(self, number: int) -> AssetEventResult:
        at, sid = NOW - timedelta(milliseconds=number), str(UUID(int=number))
        event = AssetEventResponse(
            id=number,
            timestamp=at,
            extra=to_extra([StreamEvent("started", "project", sid, sid, "bot", at)]),
            asset=AssetResponse(name=JOURNAL.name, uri=JOURNAL.uri, group="asset", extra={}),
            created_dagruns=[],
            source_dag_id="calls",
            source_run_id=f"run {number}",
            source_task_id="start",
            source_map_index=-1,
        )
        # Validate like Airflow's client.
        return AssetEventResult.model_validate_json(event.model_dump_json())


def measure(context: Any) -> dict[str, float]:
    """Return the time to read the journal, the number of running streams, and the process's peak memory."""
    started = time.monotonic()
    journal = read_journal(context, [JOURNAL], [], max_stream_age=timedelta(days=1))
    seconds = time.monotonic() - started
    running = len(journal.running_streams())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds_per_1000": seconds / running * 1000, "running": running, "peak_mb": peak_mb}


with DAG("read_journal", schedule=None):

    @task(inlets=[JOURNAL])
    def read(**context: Any) -> dict[str, float]:
        """Read the events in the database."""
        return measure(context)

    read()

with DAG("fold_journal", schedule=None, params={"count": 1}):

    @task(inlets=[JOURNAL])
    def fold(params: dict[str, Any], **context: Any) -> dict[str, float]:
        """Read generated events."""
        return measure({**context, "inlet_events": {JOURNAL: GeneratedEvents(params["count"])}})

    fold()
