"""Stop many media streams in one task: those of a list, or those that were forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_signalwire.batch.checkpoint import BatchMemory
from airflow_provider_signalwire.batch.rows import StreamRows
from airflow_provider_signalwire.batch.runner import StreamBatch
from airflow_provider_signalwire.batch.summary import BatchTally
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment, validate_number
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.protocol.records import CallRecord
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

_MAX_LISTED_IN_DRY_RUN = 1000

# Ten years: longer than any call, and short enough for every calendar.
_LONGEST_AGE = 10 * 366 * 24 * 3600


class _BatchOperator(BaseOperator):
    """What stops many streams: the parameters and the end that both operators share."""

    def __init__(
        self,
        *,
        max_concurrency: int = 128,
        max_requests_per_second: float = 1350,
        fail_on_error: bool = True,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_concurrency = int(validate_number("max_concurrency", max_concurrency, minimum=1))
        self.max_requests_per_second = validate_number("max_requests_per_second", max_requests_per_second, minimum=1)
        self.fail_on_error = fail_on_error
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self._batch: StreamBatch | None = None

    @cached_property
    def hook(self) -> SignalWireHook:
        """The hook."""
        # Imported when a task runs, so that parsing a DAG file loads no HTTP library.
        from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

        return SignalWireHook(self.signalwire_conn_id, account_sid=self.account_sid)

    def on_kill(self) -> None:
        """End the batch promptly; streams not yet asked to stop go on."""
        if self._batch is not None:
            self._batch.cancel()

    def _stop(
        self,
        context: Context,
        streams: Any,
        *,
        ignore_if_missing: bool,
        return_records: bool = False,
        found: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Stop the streams and return the summary; failures are raised after the summary is in XCom."""
        rows = StreamRows(streams)
        checked = rows.check()
        memory = BatchMemory(context, checked.fingerprint)
        tally = BatchTally(checked.different, memory.counts, keep_records=return_records)
        self._batch = StreamBatch(
            self.hook,
            rows,
            tally=tally,
            memory=memory,
            max_concurrency=self.max_concurrency,
            max_requests_per_second=self.max_requests_per_second,
            ignore_if_missing=ignore_if_missing,
        )
        self._batch.run()
        summary = {**tally.summary(requested=checked.requested, retries=self._batch.retries), **(found or {})}
        if self.fail_on_error and tally.failed:
            context["ti"].xcom_push(key="return_value", value=summary)
            tally.raise_for_failures()
        memory.forget()
        return summary


class StopCallStreamsOperator(_BatchOperator):
    """Stop many media streams, as fast as SignalWire allows.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__, once for each
    stream. One bad stream never stops the rest. All rows are checked before the first request; a stream named twice
    is stopped once.

    XCom: a summary with the counts ``requested``, ``duplicates``, ``stopped`` (SignalWire accepted the stop),
    ``already_ended`` (with its call), ``missing``, ``failed``, ``retried_requests``, ``seconds``; ``failures``, a list
    of ``{"call_sid", "stream_sid", "error", "message"}`` with at most 1,000 entries, and ``failures_not_listed``, how
    many more there were. It is there after a failure, too.

    A further try of the task does not repeat what the try before it has finished, on Airflow 3.3 and newer; on older
    ones it asks for all stops again, which does no harm.

    Raises :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchError` after the last stream, if any failed;
    :class:`~airflow_provider_signalwire.exceptions.SignalWireBatchRefusedError`, which ends the task without a
    further try, if none of the failures can pass by itself.

    :param streams: The streams (templated): a list of ``{"call_sid": …, "stream_sid": …}``, or an upstream task's
        output that is one; or the path of a file with one such JSON object a line, as text or ObjectStoragePath.
    :param max_concurrency: How many streams to be busy with at the same time.
    :param max_requests_per_second: How many stops to send per second. SignalWire allows a Space 13,800 writes in
        10 seconds, of which the default leaves a little to others.
    :param fail_on_error: Whether the task fails if a stream could not be stopped.
    :param ignore_if_missing: Whether a stream or call that is not there is no failure.
    :param return_records: Add ``records``, every stream's record, to the summary. Think of what your XCom can hold.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = ("streams", "account_sid", "signalwire_conn_id")

    def __init__(
        self, *, streams: Any, ignore_if_missing: bool = False, return_records: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.streams = streams
        self.ignore_if_missing = ignore_if_missing
        self.return_records = return_records

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop the streams and return the summary."""
        return self._stop(
            context, self.streams, ignore_if_missing=self.ignore_if_missing, return_records=self.return_records
        )


class CallStreamCleanupOperator(_BatchOperator):
    """Find forgotten media streams by their names, and stop them.

    Wraps `List all calls <https://signalwire.com/docs/compatibility-api/rest/calls/list-all-calls>`__ and, once for
    each call and name, `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__.
    SignalWire cannot list streams, so it is the names that find them: what this provider starts is named
    ``<dag_id>.<task_id>`` unless told otherwise. A call without a stream of that name counts as ``missing``, which is
    no failure.

    XCom: the summary of :class:`StopCallStreamsOperator`, ``calls`` (how many were looked at) and ``dry_run``; in a dry
    run instead of the summary ``would_stop``, a list of ``{"call_sid", "stream_sid"}`` with at most 1,000 entries, and
    ``would_stop_not_listed``.

    :param stream_names: Names of the streams to stop (templated).
    :param min_call_age: Only look at calls that began so long ago (templated): a timedelta, or seconds.
    :param call_filters: Only look at calls that match (templated): any of ``to``, ``from_``, ``parent_call_sid``,
        ``started_after``.
    :param dry_run: Read only, and return what would be stopped (templated).
    :param max_concurrency: How many streams to be busy with at the same time.
    :param max_requests_per_second: How many stops to send per second.
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

    def __init__(
        self,
        *,
        stream_names: Sequence[str],
        min_call_age: timedelta | float | str,
        call_filters: Mapping[str, Any] | None = None,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_names = stream_names
        self.min_call_age = min_call_age
        self.call_filters = call_filters
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]  # Airflow's method of that name is for a CLI

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the streams, stop them, and return the summary."""
        names = _names(self.stream_names)
        oldest_start = datetime.now(UTC) - _age(self.min_call_age)
        is_dry_run = _boolean("dry_run", self.dry_run)
        calls = self._calls_begun_before(oldest_start)
        streams = [{"call_sid": call, "stream_sid": name} for call in calls for name in names]
        self.log.info(
            "%d calls in progress began before %s; streams looked for on each: %s.",
            len(calls),
            oldest_start.isoformat(timespec="seconds"),
            ", ".join(map(repr, names)),
        )
        found = {"calls": len(calls), "dry_run": is_dry_run}
        if is_dry_run:
            listed = streams[:_MAX_LISTED_IN_DRY_RUN]
            return {**found, "would_stop": listed, "would_stop_not_listed": len(streams) - len(listed)}
        return self._stop(context, streams, ignore_if_missing=True, found=found)

    def _calls_begun_before(self, moment: datetime) -> list[str]:
        if not isinstance(self.call_filters, Mapping | None):
            raise SignalWireConfigurationError(
                f"Parameter 'call_filters' is {mask_phone_numbers(repr(self.call_filters))}: expected a mapping, "
                "such as {'to': …}."
            )
        filters = dict(self.call_filters or {})
        unknown = sorted(set(filters) - _CALL_FILTERS)
        if unknown:
            raise SignalWireConfigurationError(
                f"Parameter 'call_filters' has {', '.join(map(repr, unknown))}: expected some of "
                f"{', '.join(sorted(_CALL_FILTERS))}."
            )
        calls = self.hook.list_calls(status="in-progress", started_before=moment, **filters)
        # SignalWire was asked for these only; that no younger call is touched must not hang on how it reads a date.
        return [call["sid"] for call in calls if _began_before(call, moment)]


_CALL_FILTERS = frozenset({"to", "from_", "parent_call_sid", "started_after"})


def _began_before(call: CallRecord, moment: datetime) -> bool:
    try:
        began = parsedate_to_datetime(call.get("start_time") or "")
    except ValueError:
        return False
    return (began if began.tzinfo else began.replace(tzinfo=UTC)) <= moment


def _names(stream_names: Any) -> list[str]:
    if isinstance(stream_names, str) or not isinstance(stream_names, Sequence) or not stream_names:
        raise SignalWireConfigurationError(
            f"Parameter 'stream_names' is {stream_names!r}: expected a list of at least one stream name."
        )
    for name in stream_names:
        encode_path_segment("stream_names", name)
    return list(dict.fromkeys(stream_names))


def _age(min_call_age: Any) -> timedelta:
    if isinstance(min_call_age, timedelta):
        min_call_age = min_call_age.total_seconds()
    if isinstance(min_call_age, str):  # a template makes text
        with contextlib.suppress(ValueError):
            min_call_age = float(min_call_age)
    return timedelta(seconds=validate_number("min_call_age", min_call_age, maximum=_LONGEST_AGE))


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):  # a template makes text
        return value.lower() == "true"
    raise SignalWireConfigurationError(f"Parameter '{name}' is {value!r}: expected True or False.")
