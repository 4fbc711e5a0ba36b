"""From the event that a trigger sent to the task's record or error."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.client.protocol.records import (
    CallRecord,
    StreamRecord,
    call_matches,
    stream_is_stopped,
)
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, StreamParent
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireTimeoutError


def success_event(record: Any, **requested: str) -> dict[str, Any]:
    """Return the event of a wait that ended with a record.

    :param requested: The ids that the task asked for. A record may have others, where a mock server returns it.
    """
    return {"status": "success", "record": record, "requested": requested}


def error_event(error: SignalWireError) -> dict[str, Any]:
    """Return the event of a wait that ended with an error."""
    return {"status": "error", **error.to_event()}


def stream_record_of(
    event: Any, parent: StreamParent, parent_sid: str, stream_sid: str, *, ignore_if_missing: bool = False
) -> StreamRecord | None:
    """Return the stopped stream that an event carries.

    :param event: What Airflow passed to ``execute_complete``.
    :param parent: What the stream belongs to.
    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID or its name.
    :raises SignalWireError: the one that the event carries, or one that says that the event is not valid.
    """
    record = _record_of(event)
    if record is None and ignore_if_missing:
        return None
    if _is_record(record) and stream_is_stopped(record):
        requested = {parent.id_name: parent_sid, "stream_sid": stream_sid}
        if event.get("requested") == requested or parent.stream_matches(record, parent_sid, stream_sid):
            return cast("StreamRecord", record)
    raise _invalid(event)


def stream_end_of(event: Any, *, call_sid: str) -> tuple[StreamRecord, str]:
    """Return the stopped stream that an event carries, and why it ended; see :func:`stream_record_of`."""
    requested = event.get("requested") if isinstance(event, dict) else None
    stream_sid = requested.get("stream_sid", "") if isinstance(requested, dict) else ""
    record = stream_record_of(event, CALL, call_sid, stream_sid)
    reason = event.get("reason")
    if record is None or not isinstance(reason, str):
        raise _invalid(event)
    return record, reason


def call_record_of(event: Any, *, call_sid: str, target_statuses: Collection[str]) -> CallRecord:
    """Return the call in a target status that an event carries; see :func:`stream_record_of`."""
    record = _record_of(event)
    is_requested = event.get("requested") == {"call_sid": call_sid}
    if _is_record(record) and record["status"] in target_statuses and (is_requested or call_matches(record, call_sid)):
        return cast("CallRecord", record)
    raise _invalid(event)


def _record_of(event: Any) -> Any:
    """Return the record of a success; raise the error of a failure."""
    if not isinstance(event, dict):
        raise _invalid(event)
    if event.get("status") == "success" and "record" in event:
        return event["record"]
    if event.get("status") == "error":
        error = SignalWireError.from_event(event)
        if isinstance(error, SignalWireTimeoutError) and error.limit == "execution_timeout":
            raise AirflowTaskTimeout(str(error))
        raise error
    raise _invalid(event)


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and all(isinstance(record.get(key), str) for key in ("sid", "status"))


def _invalid(event: Any) -> SignalWireError:
    return SignalWireError(
        f"The trigger sent an event that does not fit this task: {short_repr(event)}. Check that triggerer and "
        "workers run the same version of airflow-provider-signalwire."
    )
