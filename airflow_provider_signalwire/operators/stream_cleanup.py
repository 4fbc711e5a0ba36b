"""Stop many media streams in one task: those of a list, or those that were forgotten."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.batch.operator import BatchOperator
from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers, short_repr
from airflow_provider_signalwire.client.protocol.validation import (
    validate_boolean,
    validate_call_filters,
    validate_duration,
    validate_sid,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.batch.rows import SpooledRows
    from airflow_provider_signalwire.batch.summary import BatchSummary

log = logging.getLogger(__name__)

_MAX_LISTED_IN_DRY_RUN = 1000

# Ten years: longer than any call, and short enough for every calendar.
_MAX_AGE_SECONDS = 10 * 366 * 24 * 3600

_NO_FILTERS: Mapping[str, Any] = MappingProxyType({})


class StopCallStreamsOperator(BatchOperator):
    """Stop many media streams, as fast as SignalWire allows.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__, once for each
    stream. One stream that cannot be stopped does not affect the others. All rows are read and validated before the
    first request; a duplicate row is stopped once.

    XCom: a summary with the counts ``requested``, ``duplicates``, ``stopped`` (SignalWire accepted the stop),
    ``already_ended`` (with its call), ``missing``, ``failed``, ``retried_requests``, ``seconds``; ``failures``, a list
    of ``{"call_sid", "stream_sid", "error", "message"}`` with at most 1,000 entries, and ``failures_not_listed``, the
    number of the others. It is pushed before the task fails, too.

    On Airflow 3.3 and newer, a retry of the task skips the streams that an earlier try has finished, unless
    ``return_records`` is set. On older versions it repeats all stops, which is safe.

    Raises :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchError` after the last stream, if any failed;
    :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchRefusedError`, which ends the task without a retry,
    if retrying cannot fix any of the failures. A refused login ends the batch at once.

    :param streams: The streams (templated): a list of ``{"call_sid": …, "stream_sid": …}`` or of started streams'
        records, or an upstream task's output that is one; or the path (string or ObjectStoragePath) of a file with
        such rows as JSON Lines, a JSON array, or CSV with a header; or a JSON array as a string.
    :param max_concurrency: Maximum number of streams processed concurrently.
    :param max_requests_per_second: Maximum number of stops per second. SignalWire allows a Space 13,800 writes in
        10 seconds; the default leaves a few of them to others.
    :param fail_on_error: Whether the task fails if a stream could not be stopped.
    :param ignore_if_missing: Whether a stream or call that does not exist counts as success.
    :param return_records: Add ``records``, every stream's record, to the summary. Mind your XCom backend's size limit.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = ("streams", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        streams: Any,
        max_concurrency: int = 128,
        max_requests_per_second: float = 1350,
        fail_on_error: bool = True,
        ignore_if_missing: bool = False,
        return_records: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrency=max_concurrency,
            max_requests_per_second=max_requests_per_second,
            fail_on_error=fail_on_error,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.streams = streams
        self.ignore_if_missing = validate_boolean("ignore_if_missing", ignore_if_missing)
        self.return_records = validate_boolean("return_records", return_records)

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop the streams and return the summary."""
        with self._spool(self.streams) as rows:
            return self._stop_streams(
                context, rows, ignore_if_missing=self.ignore_if_missing, return_records=self.return_records
            )

    def log_outcome(self, summary: BatchSummary) -> None:
        """Log what happened, and which streams were missing if that is ignored."""
        super().log_outcome(summary)
        if ignored := summary.ignored_for_log():
            log.warning("These streams are missing, which is ignored:\n%s", ignored)


class CallStreamCleanupOperator(BatchOperator):
    """Find forgotten media streams by their names, and stop them.

    Wraps `List all calls <https://signalwire.com/docs/compatibility-api/rest/calls/list-all-calls>`__ and, once for
    each call and name, `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__.
    SignalWire has no endpoint that lists streams, so they are found by their names: a stream that this provider starts
    is named ``<dag_id>.<task_id>`` by default. A call without a stream of that name counts as ``missing``, which is not
    a failure. A call in the listing that has no SID or no readable start time is logged and skipped.

    XCom: the summary of :class:`StopCallStreamsOperator`, ``calls`` (number of calls that were old enough) and
    ``dry_run``; in a dry run instead of the summary ``would_stop``, a list of ``{"call_sid", "stream_sid"}`` with at
    most 1,000 entries, and ``would_stop_not_listed``.

    :param stream_names: Names of the streams to stop (templated).
    :param min_call_age: Only calls that started this long ago (templated): seconds or a timedelta.
    :param call_filters: Only calls that match (templated): any of ``to``, ``from_``, ``parent_call_sid``,
        ``started_after``. A value that is missing is refused.
    :param dry_run: Only read, and return what would be stopped (templated).
    :param max_concurrency: Maximum number of streams processed concurrently.
    :param max_requests_per_second: Maximum number of stops per second.
    :param fail_on_error: Whether the task fails if a stream could not be stopped.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = (
        "stream_names",
        "min_call_age",
        "call_filters",
        "dry_run",
        "account_sid",
        "signalwire_conn_id",
    )

    @clears_locals
    def __init__(
        self,
        *,
        stream_names: Sequence[str],
        min_call_age: timedelta | float | str,
        call_filters: Mapping[str, Any] = _NO_FILTERS,
        dry_run: bool | str = False,
        max_concurrency: int = 128,
        max_requests_per_second: float = 1350,
        fail_on_error: bool = True,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrency=max_concurrency,
            max_requests_per_second=max_requests_per_second,
            fail_on_error=fail_on_error,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.stream_names = stream_names
        self.min_call_age = min_call_age
        # None is not the default: an upstream task that returned nothing must not widen the cleanup to all calls.
        self.call_filters = {} if call_filters is _NO_FILTERS else call_filters
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]  # Airflow's method of that name is for a CLI

    @clears_locals
    def execute(self, context: Context) -> dict[str, Any]:
        """Find the streams, stop them, and return the summary."""
        names = _validate_names(self.stream_names)
        age = validate_duration("min_call_age", self.min_call_age, minimum=0, maximum=_MAX_AGE_SECONDS, templated=True)
        is_dry_run = validate_boolean("dry_run", self.dry_run, templated=True)
        filters = validate_call_filters(self.call_filters)
        cutoff = datetime.now(UTC) - timedelta(seconds=age)
        calls = self._list_calls(cutoff, filters)
        log.info(
            "%d calls in progress started before %s; streams to stop on each: %s%s.",
            len(calls),
            cutoff.isoformat(timespec="seconds"),
            mask_phone_numbers(", ".join(map(short_repr, names))),
            " (dry run: none is stopped)" if is_dry_run else "",
        )
        found = {"calls": len(calls), "dry_run": is_dry_run}
        streams = ({"call_sid": call, "stream_sid": name} for call in calls for name in names)
        with self._spool(streams) as rows:
            if is_dry_run:
                return {**found, **_list_rows(rows)}
            return self._stop_streams(context, rows, ignore_if_missing=True, found=found)


def _list_rows(rows: SpooledRows) -> dict[str, Any]:
    listed = [row._asdict() for row, _ in zip(rows, range(_MAX_LISTED_IN_DRY_RUN), strict=False)]
    return {"would_stop": listed, "would_stop_not_listed": rows.unique - len(listed)}


def _validate_names(stream_names: Any) -> list[str]:
    if isinstance(stream_names, str) or not isinstance(stream_names, Sequence) or not stream_names:
        raise SignalWireConfigurationError(
            f"Parameter 'stream_names' is {short_repr(stream_names)}: expected a list of at least one stream name."
        )
    return list(dict.fromkeys(validate_sid("stream_names", name) for name in stream_names))
