"""What a cleanup stops: streams of the journal by SID, and names on calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.validation import validate_duration, validate_sid
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.operators.journal_search import MAX_LISTED, JournalSearch

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.rows import SpooledRows

# Ten years: longer than any call, and short enough for every calendar.
_MAX_AGE_SECONDS = 10 * 366 * 24 * 3600


def rows_to_stop(search: JournalSearch, calls: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the forgotten streams by SID, then each name on each call, unless the journal has that stream's SID."""
    found_by_sid = set()
    for found in search.forgotten:
        found_by_sid.add((found.stream.parent_sid, found.stream.name))
        yield {found.stream.parent.id_name: found.stream.parent_sid, "stream_sid": found.stream.stream_sid}
    for call in calls:
        for name in names:
            if (call, name) not in found_by_sid:
                yield {"call_sid": call, "stream_sid": name}


def list_rows(rows: SpooledRows, search: JournalSearch) -> dict[str, Any]:
    """Return the first rows of a dry run, for XCom."""
    by_ids = {found.ids: found for found in search.forgotten}
    listed = [
        by_ids[ids].as_dict() if (ids := (row.parent_sid, row.stream_sid)) in by_ids else row.ids
        for row, _ in zip(rows, range(MAX_LISTED), strict=False)
    ]
    return {"would_stop": listed, "would_stop_not_listed": rows.unique - len(listed)}


def validate_names(stream_names: Any) -> list[str]:
    """Return the names without duplicates."""
    if isinstance(stream_names, str) or not isinstance(stream_names, Sequence) or not stream_names:
        raise SignalWireConfigurationError(
            f"Parameter 'stream_names' is {short_repr(stream_names)}: expected a list of at least one stream name."
        )
    return list(dict.fromkeys(validate_sid("stream_names", name) for name in stream_names))


def validate_age(name: str, value: Any) -> timedelta:
    """Return an age: seconds, a timedelta, or what a template rendered."""
    seconds = validate_duration(name, value, minimum=0, maximum=_MAX_AGE_SECONDS, templated=True)
    return timedelta(seconds=seconds)
