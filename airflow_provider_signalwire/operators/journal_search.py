"""Finds the forgotten streams of a journal, and describes them for the log, XCom and the person who approves."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.journal import RunningStream
from airflow_provider_signalwire.journal_events import check_journal_supported, read_journal
from airflow_provider_signalwire.journal_intents import StartIntents
from airflow_provider_signalwire.operators.forgotten_streams import ForgottenStream, RunStates, find_forgotten

if TYPE_CHECKING:
    from airflow_provider_signalwire.batch.rows import SpooledRows

log = logging.getLogger(__name__)

_MAX_LISTED = 1000
_MAX_DESCRIBED = 10


@dataclass(frozen=True)
class JournalSearch:
    """The result of a search.

    :param running: Number of running streams in the project.
    :param other_projects: Number of running streams in other projects.
    :param forgotten: The forgotten streams in the project, the oldest first.
    :param unconfirmed: The starts whose outcome is unknown, in all projects.
    :param intents: All recorded starts.
    """

    running: int = 0
    other_projects: int = 0
    forgotten: Sequence[ForgottenStream] = ()
    unconfirmed: Collection[RunningStream] = ()
    intents: StartIntents | None = None

    def only(self, ids: Collection[tuple[str, str]]) -> JournalSearch:
        """Return the search without forgotten streams that are not among these, given by call and stream."""
        return replace(self, forgotten=[found for found in self.forgotten if found.ids in ids])

    def rows_to_stop(self, calls: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, str]]:
        """Yield the forgotten streams by SID, then each name on each call, unless the journal has that stream's SID."""
        found_by_sid = set()
        for found in self.forgotten:
            found_by_sid.add((found.stream.parent_sid, found.stream.name))
            yield {found.stream.parent.id_name: found.stream.parent_sid, "stream_sid": found.stream.stream_sid}
        for call in calls:
            for name in names:
                if (call, name) not in found_by_sid:
                    yield {"call_sid": call, "stream_sid": name}

    def list_rows(self, rows: SpooledRows) -> dict[str, Any]:
        """Return the first rows of a dry run, for XCom."""
        by_ids = {found.ids: found for found in self.forgotten}
        listed = [
            by_ids[ids].as_dict() if (ids := (row.parent_sid, row.stream_sid)) in by_ids else row.ids
            for row in itertools.islice(rows, _MAX_LISTED)
        ]
        return {"would_stop": listed, "would_stop_not_listed": rows.unique - len(listed)}

    def settle_intents(self) -> None:
        """Remove the recorded starts that need no further cleanup, after the forgotten streams were stopped."""
        if self.intents is not None:
            self.intents.settle(set(self.unconfirmed).difference(found.stream for found in self.forgotten))

    def counts(self) -> dict[str, Any]:
        """Return the numbers of streams, for XCom."""
        return {"running": self.running, "other_projects": self.other_projects}

    def listed(self) -> dict[str, Any]:
        """Return the first forgotten streams, for XCom."""
        listed = [found.as_dict() for found in self.forgotten[:_MAX_LISTED]]
        return {"forgotten": listed, "forgotten_not_listed": len(self.forgotten) - len(listed)}

    def describe_first(self) -> str:
        """Return the first forgotten streams, one per line."""
        lines = [f"* {found.describe()}" for found in self.forgotten[:_MAX_DESCRIBED]]
        more = len(self.forgotten) - len(lines)
        return "\n".join([*lines, *([f"* … and {more:,} more"] if more else [])])

    def log_forgotten(self, *, is_dry_run: bool) -> None:
        """Log a line for each forgotten stream that XCom lists."""
        for found in self.forgotten[:_MAX_LISTED]:
            log.info("%s %s.", "Would stop" if is_dry_run else "Stopping", found.describe())


def validate_journal(journal: Any) -> list[Any]:
    """Return the assets of a journal; none if there is no journal.

    :raises SignalWireConfigurationError: if it is not a list of assets, or this Airflow cannot read it.
    """
    from airflow.providers.common.compat.sdk import Asset

    if journal is None:
        return []
    if not isinstance(journal, (list, tuple)) or not journal or not all(isinstance(each, Asset) for each in journal):
        raise SignalWireConfigurationError(
            f"Parameter 'journal' is {short_repr(journal)}: expected a list of at least one Asset."
        )
    check_journal_supported()
    return list(journal)


def search_journal(
    context: Any,
    journal: Sequence[Any],
    *,
    account_sid: str,
    owner_ended: bool,
    min_stream_age: timedelta | None,
    max_stream_age: timedelta,
    check_cancelled: Callable[[], None],
) -> JournalSearch:
    """Read the journal, and ask Airflow about the DAG runs that started its running streams.

    :param context: The task's context.
    :param journal: The assets.
    :param account_sid: Only streams of this project.
    :param owner_ended: See :func:`~airflow_provider_signalwire.operators.forgotten_streams.find_forgotten`.
    :param min_stream_age: See there.
    :param max_stream_age: How far back to read.
    :param check_cancelled: Called before each question; raises an error to end the search.
    """

    def ask(dag_id: str, run_id: str) -> Any:
        check_cancelled()
        return context["ti"].get_dagrun_state(dag_id, run_id)

    intents = StartIntents(context, journal)
    running = read_journal(context, journal, intents, max_stream_age=max_stream_age).running_streams()
    streams = [stream for stream in running if stream.account_sid == account_sid]
    forgotten = find_forgotten(
        streams, now=datetime.now(UTC), run_state=RunStates(ask), owner_ended=owner_ended, min_age=min_stream_age
    )
    others = len(running) - len(streams)
    log.info(
        "%d streams are running according to the journal, %d of them are forgotten.%s",
        len(streams),
        len(forgotten),
        f" {others} more streams belong to other projects; they are left alone." if others else "",
    )
    unconfirmed = [stream for stream in running if stream.is_unconfirmed]
    return JournalSearch(len(streams), others, forgotten, unconfirmed, intents)
