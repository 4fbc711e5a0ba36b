"""One function per endpoint: arguments in, the request to send out. Nothing is sent here.

Paths and fields are those of the `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Unpack

from airflow_provider_signalwire.client.protocol import responses
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.client.protocol.options import (
    CreateCallOptions,
    StartRecordingOptions,
    UpdateCallOptions,
    encode_form,
)
from airflow_provider_signalwire.client.protocol.records import (
    API_ROOT,
    CALL_STATUSES,
    STREAM_STOPPED,
    AccountRecord,
    CallPage,
    CallRecord,
    RecordingRecord,
    StreamRecord,
)
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest, Fields
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

STREAM_TRACKS = frozenset({"inbound_track", "outbound_track", "both_tracks"})
CALLBACK_METHODS = frozenset({"GET", "POST"})
MAX_STREAM_PARAMETERS = 99
MAX_PAGE_SIZE = 1000


@contextmanager
def _phone_numbers_masked() -> Iterator[None]:
    """Show no telephone number in the error about an argument."""
    try:
        yield
    except SignalWireConfigurationError as error:
        raise SignalWireConfigurationError(mask_phone_numbers(str(error))) from None


def get_account(account_sid: str) -> ApiRequest[AccountRecord]:
    """Ask for a project; the token needs the scope Management."""
    return ApiRequest(
        operation="get_account",
        method="GET",
        path=_account(account_sid),
        description=f"read project {account_sid!r}",
        read_record=responses.account_record,
    )


@_phone_numbers_masked()
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
            ("To", inputs.validate_text("to", to)),
            ("From", inputs.validate_text("from_", from_)),
            *encode_form(options, CreateCallOptions),
        ),
        safe_to_repeat=False,
    )


def get_call(account_sid: str, call_sid: str) -> ApiRequest[CallRecord]:
    """Ask for a call."""
    return ApiRequest(
        operation="get_call",
        method="GET",
        path=_call(account_sid, call_sid),
        description=f"read call {call_sid!r}",
        read_record=responses.call_record,
    )


def update_call(account_sid: str, call_sid: str, **options: Unpack[UpdateCallOptions]) -> ApiRequest[CallRecord]:
    """Change a call in progress: hang up, cancel, or give it other instructions."""
    form = encode_form(options, UpdateCallOptions)
    if not form:
        raise SignalWireConfigurationError("update_call was given nothing to change: expected at least one option.")
    return ApiRequest(
        operation="update_call",
        method="POST",
        path=_call(account_sid, call_sid),
        description=f"update call {call_sid!r}",
        read_record=responses.call_record,
        form=form,
        # A call that was hung up stays so; new instructions would run twice.
        safe_to_repeat=[name for name, _ in form] == ["Status"],
    )


def delete_call(account_sid: str, call_sid: str) -> ApiRequest[None]:
    """Delete the record of an ended call."""
    return ApiRequest(
        operation="delete_call",
        method="DELETE",
        path=_call(account_sid, call_sid),
        description=f"delete call {call_sid!r}",
        read_record=lambda body: None,
        expects_body=False,
    )


@_phone_numbers_masked()
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
) -> ApiRequest[CallPage]:
    """Ask for the first page of the calls that match every filter given."""
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= MAX_PAGE_SIZE:
        raise SignalWireConfigurationError(
            f"Parameter 'page_size' is {page_size!r}: expected a whole number from 1 to {MAX_PAGE_SIZE}."
        )
    texts = {
        "To": ("to", to),
        "From": ("from_", from_),
        "ParentCallSid": ("parent_call_sid", parent_call_sid),
    }
    moments = {
        "StartTime<": ("started_before", started_before),
        "StartTime>": ("started_after", started_after),
        "EndTime<": ("ended_before", ended_before),
        "EndTime>": ("ended_after", ended_after),
    }
    return ApiRequest(
        operation="list_calls",
        method="GET",
        path=f"{_account(account_sid)}/Calls",
        description="list calls",
        read_record=responses.page_of_calls,
        query=(
            *([("Status", inputs.validate_choice("status", status, CALL_STATUSES))] if status is not None else []),
            *((api, inputs.validate_text(name, text)) for api, (name, text) in texts.items() if text is not None),
            *((api, inputs.format_datetime(name, at)) for api, (name, at) in moments.items() if at is not None),
            ("PageSize", str(page_size)),
        ),
    )


def next_page_of_calls(next_page_uri: str) -> ApiRequest[CallPage]:
    """Ask for the next page, at the address that the page before it gave."""
    return ApiRequest(
        operation="list_calls",
        method="GET",
        path=next_page_uri,
        description="list calls (next page)",
        read_record=responses.page_of_calls,
    )


def start_call_recording(
    account_sid: str, call_sid: str, **options: Unpack[StartRecordingOptions]
) -> ApiRequest[RecordingRecord]:
    """Start to record a call. It is not safe to repeat: a second one is a second recording."""
    return ApiRequest(
        operation="start_call_recording",
        method="POST",
        path=f"{_call(account_sid, call_sid)}/Recordings",
        description=f"start a recording of call {call_sid!r}",
        read_record=responses.recording_record,
        form=encode_form(options, StartRecordingOptions),
        safe_to_repeat=False,
    )


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
        description=f"update recording {recording_sid!r} of call {call_sid!r}",
        read_record=responses.recording_record,
        form=form,
    )


def start_call_stream(
    account_sid: str,
    call_sid: str,
    *,
    url: str,
    name: str,
    track: str | None = None,
    status_callback: str | None = None,
    status_callback_method: str | None = None,
    parameters: Mapping[str, str] | None = None,
    authorization_bearer_token: str | None = None,
) -> ApiRequest[StreamRecord]:
    """Start a media stream under a name, by which it can be stopped. It is not safe to repeat."""
    inputs.encode_path_segment("name", name)  # a name that could not be stopped by must not be started with
    form: list[tuple[str, str]] = [("Url", inputs.validate_url("url", url, schemes=("wss",))), ("Name", name)]
    if track is not None:
        form.append(("Track", inputs.validate_choice("track", track, STREAM_TRACKS)))
    if status_callback is not None:
        callback = inputs.validate_url("status_callback", status_callback, schemes=("https", "http"))
        form.append(("StatusCallback", callback))
    if status_callback_method is not None:
        method = inputs.validate_choice("status_callback_method", status_callback_method, CALLBACK_METHODS)
        form.append(("StatusCallbackMethod", method))
    form.extend(_stream_parameters(parameters or {}))
    if authorization_bearer_token is not None:
        form.append(("AuthorizationBearerToken", _bearer_token(authorization_bearer_token)))
    return ApiRequest(
        operation="start_call_stream",
        method="POST",
        path=f"{_call(account_sid, call_sid)}/Streams",
        description=f"start stream {name!r} on call {call_sid!r}",
        read_record=responses.stream_record,
        form=tuple(form),
        safe_to_repeat=False,
    )


def stop_call_stream(account_sid: str, call_sid: str, stream_sid: str) -> ApiRequest[StreamRecord]:
    """Stop a media stream by its SID or its name. Repeating the stop is how its status is read."""
    return ApiRequest(
        operation="stop_call_stream",
        method="POST",
        path=f"{_call(account_sid, call_sid)}/Streams/{inputs.encode_path_segment('stream_sid', stream_sid)}",
        description=f"stop stream {stream_sid!r} on call {call_sid!r}",
        read_record=responses.stream_record,
        form=(("Status", STREAM_STOPPED),),
    )


def _account(account_sid: str) -> str:
    return f"{API_ROOT}/Accounts/{inputs.encode_path_segment('account_sid', account_sid)}"


def _call(account_sid: str, call_sid: str) -> str:
    return f"{_account(account_sid)}/Calls/{inputs.encode_path_segment('call_sid', call_sid)}"


def _stream_parameters(parameters: Mapping[str, str]) -> Fields:
    if not isinstance(parameters, Mapping) or not all(
        inputs.is_form_text(text) for text in [*parameters.keys(), *parameters.values()]
    ):
        # The values may be secret, so they are not shown.
        raise SignalWireConfigurationError(
            "Parameter 'parameters' is not a mapping of non-empty text to non-empty text: expected custom "
            "parameters for the WebSocket server, such as {'language': 'en'}."
        )
    if len(parameters) > MAX_STREAM_PARAMETERS:
        raise SignalWireConfigurationError(
            f"Parameter 'parameters' has {len(parameters)} entries: expected at most {MAX_STREAM_PARAMETERS}."
        )
    return tuple(
        field
        for index, (name, value) in enumerate(parameters.items(), start=1)
        for field in ((f"Parameter{index}.Name", name), (f"Parameter{index}.Value", value))
    )


def _bearer_token(token: str) -> str:
    if not isinstance(token, str) or not token or not token.isprintable():
        raise SignalWireConfigurationError(
            "Parameter 'authorization_bearer_token' is empty or has control characters: expected a token."
        )
    return token
