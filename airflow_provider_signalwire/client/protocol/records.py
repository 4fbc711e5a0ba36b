"""The records SignalWire returns: their keys, their states, and the check that a response's JSON is one.

A check raises ``ValueError``, whose message continues "the response …".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

from airflow_provider_signalwire.client.protocol.json_body import check_storable
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

T = TypeVar("T")

Record = dict[str, Any]

STREAM_STOPPED = "stopped"

_MAX_STATUS_LENGTH = 100
_MAX_SID_LENGTH = 256

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


def same_id(received: Any, requested: str) -> bool:
    """Return whether an id in a record is the one asked for; SignalWire's SIDs have no case."""
    return isinstance(received, str) and received.casefold() == requested.casefold()


def _page(noun: str, body: Any) -> RecordPage[Any]:
    """Check that a page has a list, and where its next page is."""
    entries = body.get(f"{noun}s") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"is not a page of {noun}s")
    next_page_uri = body.get("next_page_uri")
    if next_page_uri is not None and not _is_local_path(next_page_uri):
        raise ValueError("names a next page that is not a path below /api/laml/")
    return RecordPage(noun, entries, next_page_uri, partial(_record, noun))


def _record(kind: str, body: Any, *, id_key: str = "sid") -> Any:
    """Check a record: its id and status, and that Airflow can store it."""
    if not isinstance(body, dict):
        raise ValueError(f"is not a {kind} record")
    for key in (id_key, "status"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise ValueError(f"is not a {kind} record: {key!r} is not a non-empty string")
    if len(body["status"]) > _MAX_STATUS_LENGTH:  # it appears in logs and errors, and is stored while a task waits
        raise ValueError(f"is not a {kind} record: 'status' has more than {_MAX_STATUS_LENGTH} characters")
    check_storable(body)
    if not _is_sid(body[id_key]):
        raise ValueError(f"is not a {kind} record: {id_key!r} is not a SID")
    return body


def _is_sid(value: str) -> bool:
    """Return whether a SID can be used in a request, and is short enough to be stored while a task waits."""
    try:
        encode_path_segment("sid", value)
    except SignalWireConfigurationError:
        return False
    return len(value) <= _MAX_SID_LENGTH


def _is_local_path(uri: Any) -> bool:
    """Return whether a page's address stays on this host; the token must not be sent to any other."""
    # It is sent as it is, so it must fit into a request line.
    return isinstance(uri, str) and re.fullmatch(r"/api/laml/[!-\[\]-~]*", uri) is not None


# Each checks a response's JSON and returns it as a record, or as a page of them.
stream_record: Callable[[Any], StreamRecord] = partial(_record, "stream")
call_record: Callable[[Any], CallRecord] = partial(_record, "call")
recording_record: Callable[[Any], RecordingRecord] = partial(_record, "recording")
calling_call_record: Callable[[Any], CallingCallRecord] = partial(_record, "call", id_key="id")
account_record: Callable[[Any], AccountRecord] = partial(_record, "project")
conference_record: Callable[[Any], ConferenceRecord] = partial(_record, "conference")
page_of_calls: Callable[[Any], RecordPage[CallRecord]] = partial(_page, "call")
page_of_conferences: Callable[[Any], RecordPage[ConferenceRecord]] = partial(_page, "conference")
