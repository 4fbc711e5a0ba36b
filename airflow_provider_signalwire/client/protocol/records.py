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
    account_sid: str
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
CallRecord.__doc__ = "A call. The response has more keys than are named here; all of them pass through."


class CallingCallRecord(TypedDict, total=False):
    """A call as the Calling API returns it; only the keys this provider reads are named."""

    id: str
    status: str
    control_id: str


class CallPage(TypedDict):
    """A page of calls. Its entries are not checked yet: one odd call must not hide the others."""

    calls: list[Any]
    next_page_uri: str | None


def stream_is_stopped(record: StreamRecord) -> bool:
    """Return whether a stream has stopped; an unknown status counts as not yet stopped."""
    return record["status"] == STREAM_STOPPED


def stream_matches(record: StreamRecord, call_sid: str, stream_sid: str) -> bool:
    """Return whether a record has the ids of the stream asked for.

    :param stream_sid: The stream's SID or its name.
    """
    is_about_call = _same(record.get("call_sid", call_sid), call_sid)
    return is_about_call and (_same(record["sid"], stream_sid) or _same(record.get("name"), stream_sid))


def call_matches(record: CallRecord, call_sid: str) -> bool:
    """Return whether a record has the SID of the call asked for."""
    return _same(record["sid"], call_sid)


def call_has_ended(record: CallRecord) -> bool:
    """Return whether a call has ended; an ended call has no running streams."""
    return record["status"] in CALL_ENDED_STATUSES


def stopped_stream_record(
    account_sid: str, call_sid: str, stream_sid: str, *, call: CallRecord | None = None
) -> StreamRecord:
    """Return the record of a stopped stream that SignalWire did not return one for.

    :param call: The ended call that took its streams with it, if that is why the stream has stopped.
    """
    end_time = call.get("end_time") if call else None
    return {
        "sid": stream_sid,
        "account_sid": account_sid,
        "call_sid": call_sid,
        "name": None,
        "status": STREAM_STOPPED,
        "date_updated": end_time if isinstance(end_time, str) else None,
        "uri": f"{API_ROOT}/Accounts/{quote(account_sid, safe='')}/Calls/{quote(call_sid, safe='')}"
        f"/Streams/{quote(stream_sid, safe='')}.json",
    }


def _same(received: Any, requested: str) -> bool:
    return isinstance(received, str) and received.casefold() == requested.casefold()
