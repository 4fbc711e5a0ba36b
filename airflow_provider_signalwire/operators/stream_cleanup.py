"""Stop many media streams in one task: those of a list, or those that were forgotten."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_signalwire.batch.calls import call_listing
from airflow_provider_signalwire.batch.operator import BatchOperator
from airflow_provider_signalwire.client.protocol.filters import validate_call_filters
from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers, short_repr
from airflow_provider_signalwire.client.protocol.validation import (
    validate_boolean,
    validate_choice,
    validate_duration,
    validate_integer,
    validate_sid,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.operators.journal_search import JournalSearch, search_journal, validate_journal
from airflow_provider_signalwire.operators.stop_call_streams import StopCallStreamsOperator
from airflow_provider_signalwire.operators.stop_limit import (
    Question,
    StopLimit,
    check_approval_supported,
    check_response,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["CallStreamCleanupOperator", "StopCallStreamsOperator"]

log = logging.getLogger(__name__)

_NO_FILTERS: Mapping[str, Any] = MappingProxyType({})
_MAX_STREAM_AGE = timedelta(days=7)
_RESPONSE_TIMEOUT = timedelta(days=1)

# Ten years: longer than any call, and short enough for every calendar.
_MAX_AGE_SECONDS = 10 * 366 * 24 * 3600


class CallStreamCleanupOperator(BatchOperator):
    """Find forgotten media streams in the journal or by their names, and stop them.

    SignalWire has no endpoint that lists streams. The *journal* is the events of the given assets: operators with such
    an asset among their ``outlets`` record which streams they started and stopped. A running stream is forgotten if the
    DAG run that started it has ended or was deleted, or if it is older than ``min_stream_age``. It is stopped by its
    SID. The stream of a start that was killed is stopped by its name (Airflow 3.3). Airflow 3.2 or newer is needed.

    With ``stream_names``, each name is tried on each call in progress, too. A call without a stream of that name counts
    as ``missing``, which is not a failure. A listed call without a SID or start time is logged and skipped.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__ and, for names,
    `List all calls <https://signalwire.com/docs/compatibility-api/rest/calls/list-all-calls>`__.

    XCom: the summary of :class:`StopCallStreamsOperator` and ``dry_run``; with a journal ``running`` (number of running
    streams in it), ``other_projects`` (number of those in other projects, which are left alone), ``forgotten``, a list
    of at most 1,000 with call, stream, name, age, DAG run and the run's state, and ``forgotten_not_listed``; with names
    ``calls`` (number of calls that were old enough). In a dry run instead of the summary ``would_stop``, a list of at
    most 1,000 streams, and ``would_stop_not_listed``.

    :raises SignalWireBatchRefusedError: at the limit.
    :param journal: The assets to read. The operator adds them to its ``inlets`` and ``outlets``.
    :param owner_ended: Whether a stream is forgotten when its DAG run has ended. It is not if it was started with
        ``outlives_run=True``. A run whose state is unknown counts as alive.
    :param min_stream_age: Age from which any stream in the journal is forgotten (templated): seconds or a timedelta.
    :param max_stream_age: How far back to read the journal (templated): seconds or a timedelta. Needs ``journal``.
    :param stream_names: Names of the streams to stop (templated).
    :param min_call_age: Only calls that started this long ago (templated): seconds or a timedelta. Required with
        ``stream_names``.
    :param call_filters: Only calls that match (templated): any of ``to``, ``from_``, ``parent_call_sid``,
        ``started_after``. A value that is missing is refused.
    :param max_stops: Maximum number of streams to stop; None means no limit. If the journal lists more, none is
        stopped. By name, sending ends after that many accepted stops. Then the task fails without a retry.
    :param on_limit: ``fail``, or ``approve``: at the limit, wait for a person who approves or rejects in Airflow's UI
        (Airflow 3.3 or newer). What was approved is searched again before it is stopped. A task asks once.
    :param response_timeout: Seconds or timedelta to wait for that person. Needs ``on_limit="approve"``.
    :param dry_run: Only read, and return what would be stopped (templated).
    :param max_concurrency: Maximum number of streams processed concurrently.
    :param max_requests: Maximum number of stops sent within any ``period``, retries included.
    :param period: Seconds or a timedelta.
    :param max_requests_per_second: Deprecated.
    :param fail_on_error: Whether the task fails if a stream could not be stopped.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = (
        "min_stream_age",
        "max_stream_age",
        "stream_names",
        "min_call_age",
        "call_filters",
        "dry_run",
        "account_sid",
        "signalwire_conn_id",
    )
    template_fields_renderers = {"call_filters": "json"}  # noqa: RUF012 - as Airflow declares it

    @clears_locals
    def __init__(
        self,
        *,
        journal: Sequence[Any] | None = None,
        owner_ended: bool = True,
        min_stream_age: timedelta | float | str | None = None,
        max_stream_age: timedelta | float | str = _MAX_STREAM_AGE,
        stream_names: Sequence[str] | None = None,
        min_call_age: timedelta | float | str | None = None,
        call_filters: Mapping[str, Any] = _NO_FILTERS,
        max_stops: int | None = 500,
        on_limit: Literal["fail", "approve"] = "fail",
        response_timeout: timedelta | float = _RESPONSE_TIMEOUT,
        dry_run: bool | str = False,
        max_concurrency: int = 128,
        max_requests: int = 13_500,
        period: timedelta | float = 10,
        max_requests_per_second: float | None = None,
        fail_on_error: bool = True,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrency=max_concurrency,
            max_requests=max_requests,
            period=period,
            max_requests_per_second=max_requests_per_second,
            fail_on_error=fail_on_error,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.journal = validate_journal(journal)
        self.owner_ended = validate_boolean("owner_ended", owner_ended)
        self.min_stream_age = min_stream_age
        self.max_stream_age = max_stream_age
        self.stream_names = stream_names
        self.min_call_age = min_call_age
        # None is not the default: an upstream task that returned nothing must not widen the cleanup to all calls.
        self.call_filters = {} if call_filters is _NO_FILTERS else call_filters
        if max_stops is not None:
            max_stops = validate_integer("max_stops", max_stops, minimum=1, maximum=sys.maxsize)
        self.max_stops = max_stops
        self.on_limit = validate_choice("on_limit", on_limit, ("fail", "approve"))
        self.response_timeout = validate_duration("response_timeout", response_timeout, minimum=1)
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]  # Airflow's method of that name is for a CLI
        self._check_parameters()
        self.add_inlets(asset for asset in self.journal if asset not in self.inlets)
        self.add_outlets(asset for asset in self.journal if asset not in self.outlets)

    def _check_parameters(self) -> None:
        has_names, asks = self.stream_names is not None, self.on_limit == "approve"
        has_timeout = self.response_timeout != _RESPONSE_TIMEOUT.total_seconds()
        if not self.journal and not has_names:
            raise SignalWireConfigurationError(
                "Parameter 'stream_names' is None, and so is 'journal': give one of them, or both."
            )
        for name, is_given, needed, has_needed in (
            ("min_stream_age", self.min_stream_age, "'journal'", self.journal),
            ("max_stream_age", self.max_stream_age != _MAX_STREAM_AGE, "'journal'", self.journal),
            ("owner_ended", not self.owner_ended, "'journal'", self.journal),
            ("min_call_age", self.min_call_age, "'stream_names'", has_names),
            ("call_filters", self.call_filters, "'stream_names'", has_names),
            ("response_timeout", has_timeout, "on_limit='approve'", asks),
        ):
            if is_given and not has_needed:
                raise SignalWireConfigurationError(f"Parameter {name!r} needs {needed}.")
        if not self.owner_ended and self.min_stream_age is None:
            raise SignalWireConfigurationError("Parameter 'owner_ended' is False: give a 'min_stream_age'.")
        if asks:
            check_approval_supported()
            if self.max_stops is None:
                raise SignalWireConfigurationError("Parameter 'on_limit' needs 'max_stops', which is None.")

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the streams, stop them, and return the summary."""
        question = Question(context, self.response_timeout) if self.on_limit == "approve" else None
        return self._clean_up(context, StopLimit(self.max_stops, question))

    def execute_complete(
        self,
        context: Context,
        event: Any = None,
        asked_for: Sequence[Sequence[str]] | None = None,
        progress: str = "No stream was stopped.",
    ) -> dict[str, Any]:
        """Search again after a person has approved, and stop what was approved and is still forgotten.

        :param asked_for: The streams of the journal that were approved, by call and stream; None if the limit was
            reached by name. The other limit makes the task fail.
        :param progress: What was done before.
        """
        check_response(event, progress)
        if asked_for is None:
            return self._clean_up(context, StopLimit(self.max_stops, are_names_approved=True))
        approved = frozenset((call, stream) for call, stream in asked_for)
        return self._clean_up(context, StopLimit(self.max_stops, approved_streams=approved))

    @clears_locals
    def _clean_up(self, context: Context, limit: StopLimit) -> dict[str, Any]:
        is_dry_run = validate_boolean("dry_run", self.dry_run, templated=True)
        names = _validate_names(self.stream_names) if self.stream_names is not None else []
        min_call_age = _validate_age("min_call_age", self.min_call_age) if names else timedelta()
        filters = validate_call_filters(self.call_filters)
        found: dict[str, Any] = {"dry_run": is_dry_run}
        search = JournalSearch()
        calls: list[str] = []
        if self.journal:
            search = self._search_journal(context)
            found |= search.counts()
            if not is_dry_run:
                search = limit.apply(search)
                found |= search.listed()
        if names:
            calls = self._list_calls(datetime.now(UTC) - min_call_age, filters, names, is_dry_run=is_dry_run)
            found["calls"] = len(calls)
        with self._spool(search.rows_to_stop(calls, names)) as rows:
            search.log_forgotten(is_dry_run=is_dry_run)
            if is_dry_run:
                # Airflow writes an event for each outlet of a task that succeeds.
                self.outlets = [asset for asset in self.outlets if asset not in self.journal]
                return found | search.list_rows(rows)
            summary = self._stop_streams(
                context,
                rows,
                found=found,
                max_stops=limit.max_accepted(search),
                ask=limit.question.ask_about_names if limit.question else None,
            )
        if not summary["failed"]:
            search.settle_intents()
        return summary

    def _search_journal(self, context: Context) -> JournalSearch:
        min_age = None if self.min_stream_age is None else _validate_age("min_stream_age", self.min_stream_age)
        return search_journal(
            context,
            self.journal,
            account_sid=self.hook.account_sid,
            owner_ended=self.owner_ended,
            min_stream_age=min_age,
            max_stream_age=_validate_age("max_stream_age", self.max_stream_age),
            check_cancelled=self._check_killed,
        )

    def _list_calls(
        self, cutoff: datetime, filters: Mapping[str, Any], names: Sequence[str], *, is_dry_run: bool
    ) -> list[str]:
        """Return the SIDs of the calls in progress that started before a cutoff."""
        listing = call_listing(self.hook.settings, self.hook.account_sid, cutoff=cutoff, filters=filters)
        try:
            with self._cancelled_by_kill(listing):
                calls = listing.run()
        except asyncio.CancelledError:
            raise SignalWireError("The task was cancelled while it listed calls; no stream was stopped.") from None
        log.info(
            "%sCalls in progress that started before %s: %d. Streams to stop on each: %s.",
            "Dry run. " if is_dry_run else "",
            *(cutoff.isoformat(timespec="seconds"), len(calls), mask_phone_numbers(", ".join(map(short_repr, names)))),
        )
        return calls


def _validate_names(stream_names: Any) -> list[str]:
    """Return the names without duplicates."""
    if isinstance(stream_names, str) or not isinstance(stream_names, Sequence) or not stream_names:
        raise SignalWireConfigurationError(
            f"Parameter 'stream_names' is {short_repr(stream_names)}: expected a list of at least one stream name."
        )
    return list(dict.fromkeys(validate_sid("stream_names", name) for name in stream_names))


def _validate_age(name: str, value: Any) -> timedelta:
    """Return an age: seconds, a timedelta, or what a template rendered."""
    seconds = validate_duration(name, value, minimum=0, maximum=_MAX_AGE_SECONDS, templated=True)
    return timedelta(seconds=seconds)
