"""Stop many media streams in one task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.batch.operator import BatchOperator
from airflow_provider_signalwire.client.protocol.validation import validate_boolean
from airflow_provider_signalwire.journal_events import check_size_of_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.batch.summary import BatchSummary

log = logging.getLogger(__name__)


class StopCallStreamsOperator(BatchOperator):
    """Stop many media streams within SignalWire's rate limit.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__, once for each
    stream. One stream that cannot be stopped does not affect the others. All rows are read and validated before the
    first request; a duplicate row is stopped once.

    XCom: a summary with the counts ``requested``, ``duplicates``, ``stopped`` (SignalWire accepted the stop),
    ``already_ended`` (with its call or conference), ``missing``, ``failed``, ``retried_requests``, ``seconds``;
    ``failures``, a list of ``{"call_sid", "stream_sid", "error", "message"}``, or with ``conference_sid``, with at most
    1,000 entries, and ``failures_not_listed``, the number of the others. It is pushed before the task fails, too.

    On Airflow 3.3 and newer, a retry of the task skips the streams that an earlier try has finished, unless
    ``return_records`` is set. On older versions it repeats all stops, which is safe.

    Raises :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchError` after the last stream, if any failed;
    :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchRefusedError`, which ends the task without a retry,
    if retrying cannot fix any of the failures. A refused login ends the batch at once.

    :param streams: The streams (templated): a list of ``{"call_sid": …, "stream_sid": …}`` or of started streams'
        records, or an upstream task's output that is one; or the path (string or ObjectStoragePath) of a file with
        such rows as JSON Lines, a JSON array, or CSV with a header; or a JSON array as a string. A row has a
        ``conference_sid`` instead of the ``call_sid`` if the stream belongs to a conference.
    :param max_concurrency: Maximum number of streams processed concurrently.
    :param max_requests: Maximum number of stops sent within any ``period``, retries included. SignalWire allows a Space
        13,800 writes in 10 seconds; the default leaves a few of them to others.
    :param period: Seconds or a timedelta.
    :param max_requests_per_second: Deprecated.
    :param fail_on_error: Whether the task fails if a stream could not be stopped.
    :param ignore_if_missing: Whether a stream, call or conference that does not exist counts as success.
    :param return_records: Add ``records``, every stream's record, to the summary. Mind your XCom backend's size limit.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = ("streams", "account_sid", "signalwire_conn_id")
    template_fields_renderers = {"streams": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        streams: Any,
        max_concurrency: int = 128,
        max_requests: int = 13_500,
        period: timedelta | float = 10,
        max_requests_per_second: float | None = None,
        fail_on_error: bool = True,
        ignore_if_missing: bool = False,
        return_records: bool = False,
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
        self.streams = streams
        self.ignore_if_missing = validate_boolean("ignore_if_missing", ignore_if_missing)
        self.return_records = validate_boolean("return_records", return_records)

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop the streams and return the summary."""
        with self._spool(self.streams) as rows:
            check_size_of_event(context, self.outlets, rows.unique)
            return self._stop_streams(context, rows)

    def log_outcome(self, summary: BatchSummary) -> None:
        """Log what happened, and which streams were missing if that is ignored."""
        super().log_outcome(summary)
        if ignored := summary.ignored_for_log():
            log.warning("These streams are missing, which is ignored:\n%s", ignored)
