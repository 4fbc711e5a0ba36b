"""The records SignalWire returns, and the words it uses for their states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

T = TypeVar("T")

Record = dict[str, Any]

API_ROOT = "/api/laml/2010-04-01"

STREAM_STOPPED = "stopped"

CALL_LIVE_STATUSES = frozenset({"queued", "ringing", "in-progress"})
CALL_ENDED_STATUSES = frozenset({"completed", "canceled", "busy", "failed", "no-answer"})
CALL_STATUSES = CALL_LIVE_STATUSES | CALL_ENDED_STATUSES

CONFERENCE_LIVE_STATUSES = frozenset({"init", "in-progress"})
CONFERENCE_ENDED_STATUSES = frozenset({"completed"})
CONFERENCE_STATUSES = CONFERENCE_LIVE_STATUSES | CONFERENCE_ENDED_STATUSES


class StreamRecord(TypedDict):
    """A media stream. ``call_sid`` or ``conference_sid`` says what it belongs to; the other keys are always present."""

    sid: str
    account_sid: str
    call_sid: NotRequired[str]
    conference_sid: NotRequired[str]
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


class ConferenceRecord(TypedDict, total=False):
    """A conference; the response has more keys than are named here."""

    sid: str
    account_sid: str
    friendly_name: str
    status: str
    date_created: str
    date_updated: str


class RecordPage(NamedTuple, Generic[T]):
    """A page of a list. Its entries are not checked yet: one odd entry must not hide the others.

    :param noun: What an entry is, for messages.
    :param read_entry: Checks an entry and returns it as a record; raises ``ValueError`` if it is not one.
    """

    noun: str
    entries: list[Any]
    next_page_uri: str | None
    read_entry: Callable[[Any], T]


def stream_is_stopped(record: StreamRecord) -> bool:
    """Return whether a stream has stopped; an unknown status counts as not yet stopped."""
    return record["status"] == STREAM_STOPPED


def call_matches(record: CallRecord, call_sid: str) -> bool:
    """Return whether a record has the SID of the call asked for."""
    return same_id(record["sid"], call_sid)


def call_has_ended(record: CallRecord) -> bool:
    """Return whether a call has ended; an ended call has no running streams."""
    return record["status"] in CALL_ENDED_STATUSES


def same_id(received: Any, requested: str) -> bool:
    """Return whether an id in a record is the one asked for; SignalWire's SIDs have no case."""
    return isinstance(received, str) and received.casefold() == requested.casefold()
