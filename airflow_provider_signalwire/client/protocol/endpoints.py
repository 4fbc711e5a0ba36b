"""One function per endpoint: arguments in, the request to send out. Nothing is sent here.

Paths and fields are those of the `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar, Unpack
from urllib.parse import quote

from airflow_provider_signalwire.client.protocol import filters, records
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.client.protocol.options import (
    CreateCallOptions,
    Options,
    StartRecordingOptions,
    UpdateCallOptions,
    encode_form,
    given_fields,
)
from airflow_provider_signalwire.client.protocol.records import (
    CALL_STATUSES,
    CONFERENCE_STATUSES,
    AccountRecord,
    CallRecord,
    ConferenceRecord,
    RecordingRecord,
    RecordPage,
)
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.request import ApiRequest, Fields, quote_sid
from airflow_provider_signalwire.client.protocol.stream_endpoints import start_stream, stop_stream
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, StreamParent, account_path
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

T = TypeVar("T")

MAX_PAGE_SIZE = 1000

_NEXT_PAGE = " (next page)"
_TO_ENCODE = re.compile(r'%(?![0-9A-Fa-f]{2})|["<>\[\]^`{|}]')


@clears_locals
def get_account(account_sid: str) -> ApiRequest[AccountRecord]:
    """Read a project; the token needs the scope Management."""
    return ApiRequest(
        operation="get_account",
        method="GET",
        path=account_path(account_sid),
        description=f"read project {quote_sid(account_sid)}",
        read_record=records.account_record,
    )


@clears_locals
def create_call(
    account_sid: str, *, to: str, from_: str, **options: Unpack[CreateCallOptions]
) -> ApiRequest[CallRecord]:
    """Make a call. It is not safe to repeat: a second one is a second call."""
    return ApiRequest(
        operation="create_call",
        method="POST",
        path=f"{account_path(account_sid)}/Calls",
        description="create a call",
        read_record=records.call_record,
        form=(
            ("To", inputs.validate_phone_number("to", to)),
            ("From", inputs.validate_phone_number("from_", from_)),
            *encode_form(options, CreateCallOptions),
        ),
        safe_to_repeat=False,
    )


@clears_locals
def get_call(account_sid: str, call_sid: str) -> ApiRequest[CallRecord]:
    """Read a call."""
    return ApiRequest(
        operation="get_call",
        method="GET",
        path=CALL.path(account_sid, call_sid),
        description=f"read call {quote_sid(call_sid)}",
        read_record=records.call_record,
    )


@clears_locals
def update_call(account_sid: str, call_sid: str, **options: Unpack[UpdateCallOptions]) -> ApiRequest[CallRecord]:
    """Change a call in progress: hang up, cancel, or give it other instructions."""
    form = encode_form(options, UpdateCallOptions)
    if not form:
        raise SignalWireConfigurationError("update_call was given nothing to change: expected at least one option.")
    return ApiRequest(
        operation="update_call",
        method="POST",
        path=CALL.path(account_sid, call_sid),
        description=f"update call {quote_sid(call_sid)}",
        read_record=records.call_record,
        form=form,
        # A call that was hung up stays so; new instructions would run twice.
        safe_to_repeat=[name for name, _ in form] == ["Status"],
    )


@clears_locals
def delete_call(account_sid: str, call_sid: str) -> ApiRequest[None]:
    """Delete the record of an ended call."""
    return ApiRequest(
        operation="delete_call",
        method="DELETE",
        path=CALL.path(account_sid, call_sid),
        description=f"delete call {quote_sid(call_sid)}",
        read_record=lambda body: None,
        expects_body=False,
    )


@clears_locals
def list_calls(
    account_sid: str,
    *,
    status: str | None = None,
    to: str | None = None,
    from_: str | None = None,
    parent_call_sid: str | None = None,
    started_before: datetime | str | None = None,
    started_after: datetime | str | None = None,
    ended_before: datetime | str | None = None,
    ended_after: datetime | str | None = None,
    page_size: int = MAX_PAGE_SIZE,
) -> ApiRequest[RecordPage[CallRecord]]:
    """Read the first page of the calls that match every filter given."""
    options: Options = (
        ("Status", "status", status, partial(inputs.validate_choice, allowed=CALL_STATUSES)),
        ("To", "to", to, inputs.validate_phone_number),
        ("From", "from_", from_, inputs.validate_phone_number),
        ("ParentCallSid", "parent_call_sid", parent_call_sid, inputs.validate_sid),
        ("StartTime<", "started_before", started_before, filters.format_datetime),
        ("StartTime>", "started_after", started_after, filters.format_datetime),
        ("EndTime<", "ended_before", ended_before, filters.format_datetime),
        ("EndTime>", "ended_after", ended_after, filters.format_datetime),
    )
    return ApiRequest(
        operation="list_calls",
        method="GET",
        path=f"{account_path(account_sid)}/Calls",
        description="list calls",
        read_record=records.page_of_calls,
        query=_page_query(options, page_size),
    )


@clears_locals
def list_conferences(
    account_sid: str,
    *,
    status: str | None = None,
    friendly_name: str | None = None,
    created_before: date | str | None = None,
    created_after: date | str | None = None,
    updated_before: date | str | None = None,
    updated_after: date | str | None = None,
    page_size: int = MAX_PAGE_SIZE,
) -> ApiRequest[RecordPage[ConferenceRecord]]:
    """Read the first page of the conferences that match every filter given."""
    options: Options = (
        ("Status", "status", status, partial(inputs.validate_choice, allowed=CONFERENCE_STATUSES)),
        ("FriendlyName", "friendly_name", friendly_name, inputs.validate_text),
        ("DateCreated<", "created_before", created_before, filters.format_date),
        ("DateCreated>", "created_after", created_after, filters.format_date),
        ("DateUpdated<", "updated_before", updated_before, filters.format_date),
        ("DateUpdated>", "updated_after", updated_after, filters.format_date),
    )
    return ApiRequest(
        operation="list_conferences",
        method="GET",
        path=f"{account_path(account_sid)}/{CONFERENCE.collection}",
        description="list conferences",
        read_record=records.page_of_conferences,
        query=_page_query(options, page_size),
    )


def next_page(request: ApiRequest[RecordPage[T]], next_page_uri: str) -> ApiRequest[RecordPage[T]]:
    """Read the next page, at the address that the page before it gave.

    :param request: The request for any page of the list.
    """
    # Of these characters, requests would encode each and aiohttp none. After a stray percent sign, requests would also
    # encode those that are fine.
    path = _TO_ENCODE.sub(lambda found: quote(found[0]), next_page_uri)
    description = f"{request.description.removesuffix(_NEXT_PAGE)}{_NEXT_PAGE}"
    return dataclasses.replace(
        request, path=path, query=(), description=description, follows=request.follows or request
    )


@clears_locals
def get_conference(account_sid: str, conference_sid: str) -> ApiRequest[ConferenceRecord]:
    """Read a conference."""
    return ApiRequest(
        operation="get_conference",
        method="GET",
        path=CONFERENCE.path(account_sid, conference_sid),
        description=f"read conference {quote_sid(conference_sid)}",
        read_record=records.conference_record,
    )


def get_stream_parent(
    parent: StreamParent, account_sid: str, sid: str, *, start: ApiRequest[Any] | None = None
) -> ApiRequest[Any]:
    """Read the call or conference of a stream.

    :param start: The start of the stream, if it is known.
    """
    request = (get_call if parent is CALL else get_conference)(account_sid, sid)
    return dataclasses.replace(request, follows=start)


@clears_locals
def start_call_recording(
    account_sid: str, call_sid: str, **options: Unpack[StartRecordingOptions]
) -> ApiRequest[RecordingRecord]:
    """Start to record a call. It is not safe to repeat: a second one is a second recording."""
    return ApiRequest(
        operation="start_call_recording",
        method="POST",
        path=f"{CALL.path(account_sid, call_sid)}/Recordings",
        description=f"start a recording of call {quote_sid(call_sid)}",
        read_record=records.recording_record,
        form=encode_form(options, StartRecordingOptions),
        safe_to_repeat=False,
    )


@clears_locals
def update_call_recording(
    account_sid: str, call_sid: str, recording_sid: str, *, status: str, pause_behavior: str | None = None
) -> ApiRequest[RecordingRecord]:
    """Pause, resume (``in-progress``) or stop a recording."""
    form: Fields = (("Status", inputs.validate_choice("status", status, {"paused", "in-progress", "stopped"})),)
    if pause_behavior is not None:
        form += (("PauseBehavior", inputs.validate_choice("pause_behavior", pause_behavior, {"skip", "silence"})),)
    return ApiRequest(
        operation="update_call_recording",
        method="POST",
        path=f"{CALL.path(account_sid, call_sid)}/Recordings/"
        f"{inputs.encode_path_segment('recording_sid', recording_sid)}",
        description=f"update recording {quote_sid(recording_sid)} of call {quote_sid(call_sid)}",
        read_record=records.recording_record,
        form=form,
    )


start_call_stream = partial(start_stream, CALL)
stop_call_stream = partial(stop_stream, CALL)


def _page_query(options: Options, page_size: int) -> Fields:
    size = inputs.validate_integer("page_size", page_size, minimum=1, maximum=MAX_PAGE_SIZE)
    return (*given_fields(options), ("PageSize", str(size)))
