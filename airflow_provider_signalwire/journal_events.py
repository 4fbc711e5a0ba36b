"""The journal in Airflow's asset events: written with a task's success, read in pages (Airflow 3.2 and newer)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.journal import RunningStream, StreamEvent, StreamJournal, StreamOwner, to_extra
from airflow_provider_signalwire.journal_snapshot import JournalSnapshot

log = logging.getLogger(__name__)

# An event is one row of Airflow's database, and one message between task and API server, which have 5 seconds for it
# (`[workers] execution_api_timeout`). A busy API server needs 15 seconds for 100,000 entries.
MAX_ENTRIES = 10_000

# The same holds for a page. The API server sends a query for each event, and needs up to 10 seconds for 1,000 of them.
_MIN_PAGE_SIZE, _MAX_PAGE_SIZE = 2, 100
_MAX_PAGE_ENTRIES = 5_000


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


def has_journal(context: Any, outlets: Sequence[Any]) -> bool:
    """Return whether a task records its streams: whether it has an asset among its outlets."""
    return bool(_journal_of(context, outlets))


def _journal_of(context: Any, outlets: Sequence[Any]) -> list[Any]:
    from airflow.providers.common.compat.sdk import Asset

    return [outlet for outlet in outlets if "outlet_events" in context and isinstance(outlet, Asset)]


def check_size_of_event(context: Any, outlets: Sequence[Any], number: int) -> None:
    """Refuse a task that would write too large an event.

    :param number: Number of streams.
    :raises SignalWireConfigurationError: if an event cannot hold as many.
    """
    if number > MAX_ENTRIES and has_journal(context, outlets):
        raise SignalWireConfigurationError(
            f"No stream was stopped: the task has an asset among its 'outlets', whose event can hold {MAX_ENTRIES:,} "
            f"streams, and there are {number:,}. Split the streams among mapped tasks, or remove the outlet."
        )


def write_stream_events(context: Any, outlets: Sequence[Any], events: Iterable[StreamEvent]) -> None:
    """Add events to the extra of each asset among the outlets. Airflow stores it when the task succeeds.

    What happened to the streams does not depend on the journal, so an event that cannot be added is logged only.
    """
    assets = _journal_of(context, outlets)
    if not assets:
        return
    entries = list(events)
    if len(entries) > MAX_ENTRIES:
        log.warning("The journal's event holds %d of %d streams; the others stay listed.", MAX_ENTRIES, len(entries))
    extra = to_extra(entries[:MAX_ENTRIES])
    try:
        for asset in assets:
            context["outlet_events"][asset].extra.update(extra)
    except Exception as error:
        log.warning("The streams could not be recorded in the journal (%s: %s).", type(error).__name__, error)


def write_stream_event(
    context: Any, operator: Any, event: str, *, stream_sid: str, name: str | None, outlives_run: bool = False
) -> None:
    """Add what an operator did to one stream, if it has an asset among its outlets."""
    if has_journal(context, operator.outlets):
        ids = (operator.hook.account_sid, operator.parent_sid, stream_sid)
        entry = StreamEvent(event, *ids, name, datetime.now(UTC), outlives_run, operator.parent)
        write_stream_events(context, operator.outlets, [entry])


def read_journal(
    context: Any, assets: Sequence[Any], intents: Iterable[RunningStream], *, max_stream_age: timedelta
) -> StreamJournal:
    """Read the events of the assets, the newest first.

    :param context: The task's context; the assets are among its inlets.
    :param assets: The assets.
    :param intents: Starts which may have left no event.
    :param max_stream_age: How far back to read.
    """
    journal, snapshot, now = StreamJournal(), JournalSnapshot(context, assets), datetime.now(UTC)
    oldest_start = now - max_stream_age
    since = snapshot.load(journal, oldest_start, now).isoformat()
    newest: list[datetime] = []
    for asset in assets:
        newest += _read_pages(journal, context["inlet_events"][asset].after(since).ascending(False))
    snapshot.save(journal, newest)
    for start in intents:
        if start.started_at >= oldest_start:
            journal.add_unconfirmed(start)
    return journal


def _read_pages(journal: StreamJournal, events: Any) -> list[datetime]:
    """Add the events to the journal, and return the time of the newest one, if there is one."""
    before, limit = None, _MIN_PAGE_SIZE
    newest: list[datetime] = []
    while True:
        accessor = events.limit(limit)
        page = list(accessor.before(before) if before else accessor)
        newest = newest or [event.timestamp for event in page[:1]]
        largest = max((add_asset_event(journal, event) for event in page), default=0)
        if len(page) < limit:
            return newest
        # `before` includes its time, so the next page begins with events that this one ends with.
        oldest = page[-1].timestamp.isoformat()
        is_stuck, before = oldest == before, oldest
        limit *= 2
        if not is_stuck:
            limit = max(_MIN_PAGE_SIZE, min(limit, _MAX_PAGE_SIZE, _MAX_PAGE_ENTRIES // max(largest, 1)))


def add_asset_event(journal: StreamJournal, event: Any) -> int:
    """Add an event, as Airflow returns it or as it is in its database, and return the number of its entries."""
    map_index = -1 if event.source_map_index is None else event.source_map_index
    dag_id, task_id = intern(event.source_dag_id or ""), intern(event.source_task_id or "")
    owner = StreamOwner(dag_id, event.source_run_id or "", task_id, map_index)
    return journal.add(event.extra, owner)
