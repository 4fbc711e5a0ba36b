"""The endpoints of the Compatibility API."""

from __future__ import annotations

from airflow_provider_signalwire.simulator.compatibility import forms
from airflow_provider_signalwire.simulator.compatibility.calls import (
    API_PREFIX,
    Call,
    Conference,
    Recording,
    account_record,
    stream_record,
)
from airflow_provider_signalwire.simulator.compatibility.forms import Fields, text
from airflow_provider_signalwire.simulator.compatibility.listing import CALLS, CONFERENCES
from airflow_provider_signalwire.simulator.errors import INVALID_STREAM_URL, WRONG_CALL_STATE, ApiError, not_found
from airflow_provider_signalwire.simulator.resources import Record, Resource
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.store import Store

API = Router(
    prefix=API_PREFIX,
    read_body=forms.read_fields,
    content_types=("application/x-www-form-urlencoded", "application/json"),
    errors=dict.fromkeys((400, 401, 404, 413, 414, 422, 429, 503), "Error"),
    default_error="Error",
)

_ACCOUNT = "/Accounts/{AccountSid}"
_CALLS = f"{_ACCOUNT}/Calls"
_CALL = f"{_CALLS}/{{CallSid}}"
_RECORDING = f"{_CALL}/Recordings/{{RecordingSid}}"
_CONFERENCES = f"{_ACCOUNT}/Conferences"
_CONFERENCE = f"{_CONFERENCES}/{{ConferenceSid}}"
_STREAM = "/Streams/{StreamSid}"
_TEXTS = {422: "ErrorTexts"}


@API.route("GET", _ACCOUNT, returns="Account", scope="Management")
def get_account(store: Store, account_sid: str, query: Fields) -> Record:
    """Return an account's record."""
    return account_record(account_sid, store.settings.project, store.started_at)


@API.route("GET", _CALLS, returns="CallList", query=CALLS.query)
def list_calls(store: Store, account_sid: str, query: dict[str, str]) -> Record:
    """Return a page of calls, newest first."""
    return CALLS.page(store.resources, account_sid, query, store.clock())


@API.route("GET", _CONFERENCES, returns="ConferenceList", query=CONFERENCES.query)
def list_conferences(store: Store, account_sid: str, query: dict[str, str]) -> Record:
    """Return a page of conferences, newest first."""
    return CONFERENCES.page(store.resources, account_sid, query, store.clock())


@API.route("GET", _CONFERENCE, returns="Conference")
def get_conference(store: Store, account_sid: str, conference_sid: str, query: Fields) -> Record:
    """Return a conference's record."""
    return store.find(Conference, account_sid, conference_sid).record(store.clock())


@API.route("POST", _CALLS, returns="Call", body=forms.NewCall, errors={400: "ErrorList"})
def create_call(store: Store, account_sid: str, form: Fields) -> Record:
    """Create a call. It rings after half of the answer delay."""
    missing = [f"{name} is required." for name in ("To", "From") if not text(form, name)]
    if not any(text(form, name) for name in ("Url", "ApplicationSid", "Laml", "Twiml")):
        missing.append("Url is required, unless ApplicationSid, Laml or Twiml is given.")
    if missing:
        raise ApiError(400, *missing)
    new_call = forms.NewCall.parse(form)
    store.reserve()
    now, answer_delay = store.clock(), store.settings.answer_delay_ms / 1000
    call = Call(
        account_sid=account_sid,
        to=new_call.to,
        from_=new_call.from_,
        created_at=now,
        dialed_at=now + answer_delay / 2,
        answered_at=now + answer_delay,
        number=next(store.numbers),
    )
    store.resources[call.sid] = call
    # A new call is always reported as queued, however soon it is answered.
    return {**call.record(now), "status": "queued"}


@API.route("GET", _CALL, returns="Call")
def get_call(store: Store, account_sid: str, call_sid: str, query: Fields) -> Record:
    """Return a call's record."""
    return store.find(Call, account_sid, call_sid).record(store.clock())


@API.route("POST", _CALL, returns="Call", body=forms.CallUpdate)
def update_call(store: Store, account_sid: str, call_sid: str, form: Fields) -> Record:
    """Complete or cancel a call, or redirect it (which changes nothing visible)."""
    call = store.find(Call, account_sid, call_sid)
    if call.ended_at is not None:
        raise ApiError(400, "The call has already ended and cannot be updated.")
    status = forms.CallUpdate.parse(form).status
    if status == "canceled" and call.status(store.clock()) == "in-progress":
        message = "The call has been answered: it can be completed, but not canceled."
        raise ApiError(422, message, code=WRONG_CALL_STATE)
    if status:
        store.end_call(call_sid, status)
    return call.record(store.clock())


@API.route("DELETE", _CALL, returns=None, status=204)
def delete_call(store: Store, account_sid: str, call_sid: str, form: Fields) -> None:
    """Delete the record of an ended call."""
    call = store.find(Call, account_sid, call_sid)
    if call.ended_at is None:
        raise ApiError(422, "The call has not ended yet: its record cannot be deleted.", code=WRONG_CALL_STATE)
    del store.resources[call_sid]
    store.count -= 1 + len(call.streams) + len(call.recordings)


# A stream can be started and stopped, but not read: the API has no GET for it.
@API.route("POST", f"{_CALL}/Streams", returns="Stream", body=forms.NewStream)
def start_stream(store: Store, account_sid: str, call_sid: str, form: Fields) -> Record:
    """Start a stream of a call in progress."""
    return _start_stream(store, store.find(Call, account_sid, call_sid), forms.NewStream, form)


@API.route("POST", f"{_CONFERENCE}/Streams", returns="ConferenceStream", body=forms.NewConferenceStream, errors=_TEXTS)
def start_conference_stream(store: Store, account_sid: str, conference_sid: str, form: Fields) -> Record:
    """Start a stream of a conference in progress."""
    conference = store.find(Conference, account_sid, conference_sid)
    return _start_stream(store, conference, forms.NewConferenceStream, form)


@API.route("POST", _CALL + _STREAM, returns="Stream", body=forms.StreamStop)
def stop_stream(store: Store, account_sid: str, call_sid: str, sid_or_name: str, form: Fields) -> Record:
    """Stop a stream of a call. Stopping it again neither fails nor delays the stop."""
    return _stop_stream(store, store.find(Call, account_sid, call_sid), sid_or_name, form)


@API.route("POST", _CONFERENCE + _STREAM, returns="ConferenceStream", body=forms.StreamStop, errors=_TEXTS)
def stop_conference_stream(
    store: Store, account_sid: str, conference_sid: str, sid_or_name: str, form: Fields
) -> Record:
    """Stop a stream of a conference."""
    return _stop_stream(store, store.find(Conference, account_sid, conference_sid), sid_or_name, form)


@API.route("POST", f"{_CALL}/Recordings", returns="Recording", body=forms.NewRecording)
def start_recording(store: Store, account_sid: str, call_sid: str, form: Fields) -> Record:
    """Start a recording of a call in progress."""
    call = store.find(Call, account_sid, call_sid)
    _check_running(store, call, "a recording cannot be started")
    new_recording = forms.NewRecording.parse(form)
    store.reserve()
    now = store.clock()
    recording = Recording(
        account_sid=account_sid,
        call_sid=call_sid,
        channels="2" if new_recording.recording_channels == "dual" else "1",
        trim=new_recording.trim,
        started_at=now,
        updated_at=now,
    )
    call.recordings[recording.sid] = recording
    return recording.record()


@API.route("POST", _RECORDING, returns="Recording", body=forms.RecordingUpdate)
def update_recording(store: Store, account_sid: str, call_sid: str, recording_sid: str, form: Fields) -> Record:
    """Pause, resume or stop a recording."""
    recording = store.find(Call, account_sid, call_sid).recordings.get(recording_sid)
    if recording is None:
        raise not_found(f"recording {recording_sid}")
    status = forms.RecordingUpdate.parse(form).status
    if recording.ended_at is not None:
        raise ApiError(422, "The recording has ended and cannot be updated.")
    recording.change(status, store.clock())
    return recording.record()


def _start_stream(store: Store, parent: Resource, form_type: type[forms.NewStream], form: Fields) -> Record:
    _check_running(store, parent, "a stream cannot be started")
    new_stream, now = form_type.parse(form), store.clock()
    if not forms.has_scheme(new_stream.url, "wss"):
        raise ApiError(422, "Url is invalid: it must begin with wss://.", code=INVALID_STREAM_URL)
    parameters, name = forms.stream_parameters(form), new_stream.name
    if name and any(one.name == name and one.status(now) != "stopped" for one in parent.streams.values()):
        # No code is documented for this. 21220 would mean the state of the call.
        raise ApiError(422, f"Name {name!r} is already in use by a running stream of this {parent.kind}.")
    stream = store.start(
        parent,
        name=name,
        url=new_stream.url,
        track=new_stream.track,
        parameters=parameters,
        has_bearer_token=bool(new_stream.authorization_bearer_token),
        callback_url=new_stream.status_callback,
        callback_method=new_stream.status_callback_method,
    )
    # The response to a start says queued; the stream is in progress from then on.
    return {**stream_record(stream, parent, now), "status": "queued"}


def _stop_stream(store: Store, parent: Resource, sid_or_name: str, form: Fields) -> Record:
    stream = parent.find_stream(sid_or_name)
    forms.StreamStop.parse(form)
    if parent.ended_at is not None:
        message = f"The {parent.kind} has ended, and its streams with it."
        raise ApiError(422, message, code=WRONG_CALL_STATE)
    store.stop(stream)
    return stream_record(stream, parent, store.clock())


def _check_running(store: Store, parent: Resource, consequence: str) -> None:
    if (status := parent.status(store.clock())) != "in-progress":
        message = f"The {parent.kind} is {status}, not in-progress: {consequence}."
        raise ApiError(422, message, code=WRONG_CALL_STATE)
