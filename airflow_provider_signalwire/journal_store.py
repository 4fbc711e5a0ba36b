"""The journal in Airflow's asset events: written with a task's success, read in pages (Airflow 3.2 and newer)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.journal import StreamEvent, StreamJournal, StreamOwner, to_extra

_PAGE_SIZE = 1000


def check_journal_supported() -> None:
    """Refuse an Airflow that cannot return asset events in pages.

    :raises SignalWireConfigurationError: if it is older than 3.2.
    """
    try:
        from airflow.sdk.execution_time.context import InletEventsAccessor

        is_supported = hasattr(InletEventsAccessor, "limit")
    except ImportError:
        is_supported = False
    if not is_supported:
        raise SignalWireConfigurationError(
            "Parameter 'journal' needs Airflow 3.2 or newer, which can read asset events in pages."
        )


def write_stream_events(context: Any, outlets: Sequence[Any], events: Iterable[StreamEvent]) -> None:
    """Add events to the extra of each outlet. Airflow stores it when the task succeeds."""
    extra = to_extra(events)
    for asset in outlets:
        context["outlet_events"][asset].extra.update(extra)


def read_journal(context: Any, assets: Sequence[Any], *, max_stream_age: timedelta) -> StreamJournal:
    """Read the events of the assets, the newest first.

    :param context: The task's context; the assets are among its inlets.
    :param assets: The assets.
    :param max_stream_age: How far back to read.
    """
    journal = StreamJournal()
    since = (datetime.now(UTC) - max_stream_age).isoformat()
    for asset in assets:
        before, limit = None, _PAGE_SIZE
        while True:
            accessor = context["inlet_events"][asset].after(since).ascending(False).limit(limit)
            page = list(accessor.before(before) if before else accessor)
            for event in page:
                owner = StreamOwner(
                    event.source_dag_id or "",
                    event.source_run_id or "",
                    event.source_task_id or "",
                    -1 if event.source_map_index is None else event.source_map_index,
                )
                journal.add(event.extra, owner)
            if len(page) < limit:
                break
            # `before` includes its time, so the next page begins with events that this one ends with.
            oldest = page[-1].timestamp.isoformat()
            before, limit = oldest, limit * 2 if oldest == before else _PAGE_SIZE
    return journal
