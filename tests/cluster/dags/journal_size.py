"""Write one large event to a journal, and read large journals."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from airflow.sdk import DAG, Asset, task

from airflow_provider_signalwire.journal import StreamEvent
from airflow_provider_signalwire.journal_events import read_journal, write_stream_events

LARGE_EVENT, MANY_EVENTS = Asset("large event"), Asset("many events")


def sid(number: int) -> str:
    return str(UUID(int=number))


with DAG("journal_size", schedule=None, params={"count": 0}):

    @task(outlets=[LARGE_EVENT])
    def write(params: dict[str, Any], **context: Any) -> None:
        now = datetime.now(UTC)
        write_stream_events(
            context,
            [LARGE_EVENT],
            (
                StreamEvent("started", sid(0), sid(number), sid(number), "transcriber", now)
                for number in range(params["count"])
            ),
        )

    write()

for asset in (LARGE_EVENT, MANY_EVENTS):
    with DAG(f"journal_size_of_{asset.name.replace(' ', '_')}", schedule=None):

        @task(inlets=[asset])
        def read(asset: Any, **context: Any) -> dict[str, float]:
            """Return the time to read the journal, and the task's memory before and at its peak."""
            before, started = _megabytes(), time.monotonic()
            journal = read_journal(context, [asset], [], max_stream_age=timedelta(days=1))
            return {
                "running": len(journal.running_streams()),
                "seconds": time.monotonic() - started,
                "megabytes_before": before,
                "megabytes": _megabytes(),
            }

        read(asset)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
