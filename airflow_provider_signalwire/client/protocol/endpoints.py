"""One function per endpoint: arguments in, the request to send out. Nothing is sent here.

Paths and fields are those of the `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar, Unpack

from airflow_provider_signalwire.client.protocol import responses
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.client.protocol.options import (
    CreateCallOptions,
    StartRecordingOptions,
    UpdateCallOptions,
    encode_form,
    validate_parameters,
)
from airflow_provider_signalwire.client.protocol.records import (
    API_ROOT,
    CALL_STATUSES,
    CONFERENCE_STATUSES,
    STREAM_STOPPED,
    AccountRecord,
    CallRecord,
    ConferenceRecord,
    RecordingRecord,
    RecordPage,
    StreamRecord,
)
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.request import ApiRequest, Fields
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, StreamParent
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

T = TypeVar("T")

STREAM_CODECS = frozenset({"PCMU", "PCMA", "L16", "L16@16000h", "L16@24000h"})
STREAM_TRACKS = frozenset({"inbound_track", "outbound_track", "both_tracks"})
CALLBACK_METHODS = frozenset({"GET", "POST"})
MAX_STREAM_PARAMETERS = 99
MAX_PAGE_SIZE = 1000

_MAX_QUOTED = 100
_NEXT_PAGE = " (next page)"

# For each: the API's field, the parameter, its value and how to validate it.
_Filters = tuple[tuple[str, str, Any, Callable[[str, Any], str]], ...]


@clears_locals
def get_account(account_sid: str) -> ApiRequest[AccountRecord]:
    """Ask for a project; the token needs the scope Management."""
    return ApiRequest(
        operation="get_account",
        method="GET",
        path=_account(account_sid),
        description=f"read project {_quote(account_sid)}",
        read_record=responses.account_record,
    )


@clears_locals
def create_call(
    account_sid: str, *, to: str, from_: str, **options: Unpack[CreateCallOptions]
) -> ApiRequest[CallRecord]:
    """Make a call. It is not safe to repeat: a second one is a second call."""
    return ApiRequest(
        operation="create_call",
        method="POST",
        path=f"{_account(account_sid)}/Calls",
        description="create a call",
        read_record=responses.call_record,
        form=(
            ("To", inputs.validate_phone_number("to", to)),
            ("From", inputs.validate_phone_number("from_", from_)),
            *encode_form(options, CreateCallOptions),
        ),
        safe_to_repeat=False,
    )


@clears_locals
def get_call(account_sid: str, call_sid: str) -> ApiRequest[CallRecord]:
    """Ask for a call."""
    return ApiRequest(
        operation="get_call",
        method="GET",
        path=_call(account_sid, call_sid),
        description=f"read call {_quote(call_sid)}",
        read_record=responses.call_record,
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
        path=_call(account_sid, call_sid),
        description=f"update call {_quote(call_sid)}",
        read_record=responses.call_record,
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
        path=_call(account_sid, call_sid),
        description=f"delete call {_quote(call_sid)}",
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
    """Ask for the first page of the calls that match every filter given."""
    filters: _Filters = (
        ("Status", "status", status, partial(inputs.validate_choice, allowed=CALL_STATUSES)),
        ("To", "to", to, inputs.validate_phone_number),
        ("From", "from_", from_, inputs.validate_phone_number),
        ("ParentCallSid", "parent_call_sid", parent_call_sid, inputs.validate_sid),
        ("StartTime<", "started_before", started_before, inputs.format_datetime),
        ("StartTime>", "started_after", started_after, inputs.format_datetime),
        ("EndTime<", "ended_before", ended_before, inputs.format_datetime),
        ("EndTime>", "ended_after", ended_after, inputs.format_datetime),
    )
    return ApiRequest(
        operation="list_calls",
        method="GET",
        path=f"{_account(account_sid)}/Calls",
        description="list calls",
        read_record=responses.page_of_calls,
        query=_page_query(filters, page_size),
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
    """Ask for the first page of the conferences that match every filter given."""
    filters: _Filters = (
        ("Status", "status", status, partial(inputs.validate_choice, allowed=CONFERENCE_STATUSES)),
        ("FriendlyName", "friendly_name", friendly_name, inputs.validate_text),
        ("DateCreated<", "created_before", created_before, inputs.format_date),
        ("DateCreated>", "created_after", created_after, inputs.format_date),
        ("DateUpdated<", "updated_before", updated_before, inputs.format_date),
        ("DateUpdated>", "updated_after", updated_after, inputs.format_date),
    )
    return ApiRequest(
        operation="list_conferences",
        method="GET",
        path=f"{_account(account_sid)}/{CONFERENCE.collection}",
        description="list conferences",
        read_record=responses.page_of_conferences,
        query=_page_query(filters, page_size),
    )


def next_page(request: ApiRequest[RecordPage[T]], next_page_uri: str) -> ApiRequest[RecordPage[T]]:
    """Read the next page, at the address that the page before it gave.

    :param request: The request for any page of the list.
    """
    description = f"{request.description.removesuffix(_NEXT_PAGE)}{_NEXT_PAGE}"
    return dataclasses.replace(request, path=next_page_uri, query=(), description=description)


@clears_locals
def get_conference(account_sid: str, conference_sid: str) -> ApiRequest[ConferenceRecord]:
    """Ask for a conference."""
    return ApiRequest(
        operation="get_conference",
        method="GET",
        path=_parent(CONFERENCE, account_sid, conference_sid),
        description=f"read conference {_quote(conference_sid)}",
        read_record=responses.conference_record,
    )


def get_stream_parent(parent: StreamParent, account_sid: str, sid: str) -> ApiRequest[Any]:
    """Ask for the call or conference of a stream."""
    return (get_call if parent is CALL else get_conference)(account_sid, sid)


@clears_locals
def start_call_recording(
    account_sid: str, call_sid: str, **options: Unpack[StartRecordingOptions]
) -> ApiRequest[RecordingRecord]:
    """Start to record a call. It is not safe to repeat: a second one is a second recording."""
    return ApiRequest(
        operation="start_call_recording",
        method="POST",
        path=f"{_call(account_sid, call_sid)}/Recordings",
        description=f"start a recording of call {_quote(call_sid)}",
        read_record=responses.recording_record,
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
        path=f"{_call(account_sid, call_sid)}/Recordings/{inputs.encode_path_segment('recording_sid', recording_sid)}",
        description=f"update recording {_quote(recording_sid)} of call {_quote(call_sid)}",
        read_record=responses.recording_record,
        form=form,
    )


@clears_locals
def start_stream(
    parent: StreamParent,
    account_sid: str,
    parent_sid: str,
    *,
    url: str,
    name: str,
    track: str | None = None,
    status_callback: str | None = None,
    status_callback_method: str | None = None,
    parameters: Mapping[str, str] | None = None,
    authorization_bearer_token: str | None = None,
    codec: str | None = None,
    real_time: bool | None = None,
) -> ApiRequest[StreamRecord]:
    """Start a media stream under a name, by which it can be stopped. It is not safe to repeat."""
    form = [
        ("Url", inputs.validate_url("url", url, schemes=("wss",))),
        ("Name", inputs.validate_sid("name", name)),  # the stream is stopped by it
    ]
    if track is not None:
        form.append(("Track", inputs.validate_choice("track", track, STREAM_TRACKS)))
    if status_callback is not None:
        callback = inputs.validate_url("status_callback", status_callback, schemes=("https", "http"))
        form.append(("StatusCallback", callback))
    if status_callback_method is not None:
        method = inputs.validate_choice("status_callback_method", status_callback_method, CALLBACK_METHODS)
        form.append(("StatusCallbackMethod", method))
    if codec is not None:
        form.append(("StreamCodec", inputs.validate_choice("codec", codec, STREAM_CODECS)))
    if real_time is not None:
        form.append(("StreamRealTime", str(inputs.validate_boolean("real_time", real_time)).lower()))
    if parameters is not None:
        form.extend(_stream_parameters(parameters))
    if authorization_bearer_token is not None:
        token = inputs.validate_text("authorization_bearer_token", authorization_bearer_token, may_be_secret=True)
        form.append(("AuthorizationBearerToken", token))
    return ApiRequest(
        operation=f"start_{parent.noun}_stream",
        method="POST",
        path=f"{_parent(parent, account_sid, parent_sid)}/Streams",
        description=f"start stream {_quote(name)} on {parent.noun} {_quote(parent_sid)}",
        read_record=responses.stream_record,
        form=tuple(form),
        advice={
            404: "Check the SIDs, and that they belong to the connection's project. If SWML, a Call Flow or RELAY made "
            "the call, use StartCallingStreamOperator."
        },
        safe_to_repeat=False,
    )


@clears_locals
def stop_stream(parent: StreamParent, account_sid: str, parent_sid: str, stream_sid: str) -> ApiRequest[StreamRecord]:
    """Stop a media stream by its SID or its name. Repeating the stop is how its status is read."""
    return ApiRequest(
        operation=f"stop_{parent.noun}_stream",
        method="POST",
        path=f"{_parent(parent, account_sid, parent_sid)}/Streams/"
        f"{inputs.encode_path_segment('stream_sid', stream_sid)}",
        description=f"stop stream {_quote(stream_sid)} on {parent.noun} {_quote(parent_sid)}",
        read_record=responses.stream_record,
        form=(("Status", STREAM_STOPPED),),
    )


start_call_stream = partial(start_stream, CALL)
stop_call_stream = partial(stop_stream, CALL)


def _page_query(filters: _Filters, page_size: int) -> Fields:
    size = inputs.validate_integer("page_size", page_size, minimum=1, maximum=MAX_PAGE_SIZE)
    given = ((field, validate(name, value)) for field, name, value, validate in filters if value is not None)
    return (*given, ("PageSize", str(size)))


def _quote(sid: str) -> str:
    return repr(sid) if len(sid) <= _MAX_QUOTED else f"{sid[:_MAX_QUOTED]!r}..."


def _account(account_sid: str) -> str:
    return f"{API_ROOT}/Accounts/{inputs.encode_path_segment('account_sid', account_sid)}"


def _call(account_sid: str, call_sid: str) -> str:
    return _parent(CALL, account_sid, call_sid)


def _parent(parent: StreamParent, account_sid: str, sid: str) -> str:
    return f"{_account(account_sid)}/{parent.collection}/{inputs.encode_path_segment(parent.id_name, sid)}"


def _stream_parameters(parameters: Mapping[str, str]) -> Fields:
    valid = validate_parameters("parameters", parameters, maximum=MAX_STREAM_PARAMETERS)
    return tuple(
        field
        for index, (name, value) in enumerate(valid.items(), start=1)
        for field in ((f"Parameter{index}.Name", name), (f"Parameter{index}.Value", value))
    )
