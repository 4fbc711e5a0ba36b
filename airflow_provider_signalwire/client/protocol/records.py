"""The records SignalWire returns, and the words it uses for their states."""

from __future__ import annotations

from typing import Any, TypedDict
from urllib.parse import quote

Record = dict[str, Any]

API_ROOT = "/api/laml/2010-04-01"

STREAM_STOPPED = "stopped"

CALL_LIVE_STATUSES = frozenset({"queued", "ringing", "in-progress"})
CALL_ENDED_STATUSES = frozenset({"completed", "canceled", "busy", "failed", "no-answer"})
CALL_STATUSES = CALL_LIVE_STATUSES | CALL_ENDED_STATUSES


class StreamRecord(TypedDict):
    """A media stream of a call; all seven keys are always present."""

    sid: str
    account_sid: str
    call_sid: str
    name: str | None
    status: str
    date_updated: str | None
    uri: str


class AccountRecord(TypedDict, total=False):
    """A project; only the keys this provider reads are named."""

    sid: str
    friendly_name: str
    status: str


class RecordingRecord(TypedDict, total=False):
    """A recording of a call; only the keys this provider reads are named."""

    sid: str
    call_sid: str
    status: str


# ``from`` is a keyword, so this one cannot be written as a class.
CallRecord = TypedDict(
    "CallRecord",
    {
        "sid": str,
        "account_sid": str,
        "status": str,
        "to": str,
        "from": str,
        "direction": str,
        "parent_call_sid": str | None,
        "date_created": str,
        "date_updated": str,
        "start_time": str | None,
        "end_time": str | None,
        "duration": int,
    },
    total=False,
)
CallRecord.__doc__ = "A call; the answer has more keys than are named here, and all of them pass through."


def stream_is_stopped(record: StreamRecord) -> bool:
    """Tell whether a stream has really stopped; a status we do not know counts as not yet."""
    return record["status"] == STREAM_STOPPED


def call_has_ended(record: CallRecord) -> bool:
    """Tell whether a call is over; an ended call has no running streams."""
    return record["status"] in CALL_ENDED_STATUSES


def stream_record_of_ended_call(call: CallRecord, *, call_sid: str, stream_sid: str) -> StreamRecord:
    """Derive the record of a stream that ended with its call, in the shape a stop would have returned."""
    account_sid, end_time = call.get("account_sid"), call.get("end_time")
    account_sid = account_sid if isinstance(account_sid, str) else ""
    return {
        "sid": stream_sid,
        "account_sid": account_sid,
        "call_sid": call_sid,
        "name": None,
        "status": STREAM_STOPPED,
        "date_updated": end_time if isinstance(end_time, str) else None,
        "uri": f"{API_ROOT}/Accounts/{account_sid}/Calls/{call_sid}/Streams/{quote(stream_sid, safe='')}.json",
    }
