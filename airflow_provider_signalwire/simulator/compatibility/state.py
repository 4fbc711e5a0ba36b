"""The calls of the simulated accounts, and what the requests of the Compatibility API do to them."""

from __future__ import annotations

import collections
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_signalwire.simulator.compatibility import fields
from airflow_provider_signalwire.simulator.compatibility.calls import (
    API_PREFIX,
    Call,
    Record,
    Recording,
    Stream,
    account_record,
    new_sid,
)
from airflow_provider_signalwire.simulator.compatibility.fields import Fields, check_fields, text
from airflow_provider_signalwire.simulator.compatibility.listing import QUERY, CallIndex, PageRequest
from airflow_provider_signalwire.simulator.compatibility.seeds import CALL_SIZE, STREAM_SIZE, parse_seeds
from airflow_provider_signalwire.simulator.errors import INVALID_STREAM_URL, WRONG_CALL_STATE, ApiError, not_found
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.settings import Settings

API = Router(API_PREFIX)
CAPACITY = 128 * 1024 * 1024  # bytes, estimated
_MANY = 1000
STARTED, STOPPED = "stream-started", "stream-stopped"

_ACCOUNT = "/Accounts/{AccountSid}"
_CALLS = f"{_ACCOUNT}/Calls"
_CALL = f"{_CALLS}/{{CallSid}}"
_STREAM = f"{_CALL}/Streams/{{StreamSid}}"
_RECORDING = f"{_CALL}/Recordings/{{RecordingSid}}"


class State:
    """Calls, streams and recordings of one project and its subprojects.

    Requests hold ``lock``; so must whatever uses the methods for them in another thread at the same time.

    :param settings: accounts, and how long answering and stopping take
    :param clock: returns the time in seconds since the epoch
    :param on_stream_event: called with a stream, the event, its time, and the seconds until then
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        on_stream_event: Callable[[Stream, str, float, float], None],
    ) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._on_stream_event = on_stream_event
        self._started_at = clock()
        self._calls: dict[str, Call] = {}
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """Forget every call, and continue under these settings."""
        with self.lock:
            forgotten = self._calls
            self.settings = settings
            self._numbers = itertools.count()
            self._size = 0
            self._calls = {}
            self._indexes: dict[str, CallIndex] = collections.defaultdict(CallIndex)
        while forgotten:
            forgotten.popitem()  # one by one: to free many objects at once blocks every request

    @API.route("GET", _ACCOUNT, returns="Account", scope="Management")
    def account(self, account_sid: str, form: Fields | None = None) -> Record:
        """Return an account's record."""
        return account_record(account_sid, self.settings.project, self._started_at)

    @API.route("GET", _CALLS, returns="CallList", query=QUERY, in_thread=True)
    def list_calls(self, account_sid: str, query: Fields) -> Record:
        """Return a page of calls, newest first."""
        request = PageRequest(account_sid, query)
        with self.lock:
            candidates = self._indexes[account_sid].before(request.place)
        return request.page(candidates, self.clock())  # without the lock: a filter may test every call

    @API.route("POST", _CALLS, returns="Call", form=fields.NEW_CALL, required=("To", "From"), lists_errors=True)
    def create_call(self, account_sid: str, form: Fields) -> Record:
        """Create a call. It rings after half of the answer delay."""
        missing = [f"{name} is required." for name in ("To", "From") if not text(form, name)]
        if not any(text(form, name) for name in ("Url", "ApplicationSid", "Laml", "Twiml")):
            missing.append("Url is required, unless ApplicationSid, Laml or Twiml is given.")
        if missing:
            raise ApiError(400, *missing)
        check_fields(form, fields.NEW_CALL)
        now, answer_delay = self.clock(), self.settings.answer_delay_ms / 1000
        call = Call(
            sid=new_sid(),
            account_sid=account_sid,
            to=text(form, "To"),
            from_=text(form, "From"),
            created_at=now,
            dialed_at=now + answer_delay / 2,
            answered_at=now + answer_delay,
            number=next(self._numbers),
            size=0,
        )
        self._reserve(call, CALL_SIZE + len(call.to) + len(call.from_))
        self._add([call])
        # A new call is always reported as queued, however soon it is answered.
        return {**call.record(now), "status": "queued"}

    @API.route("GET", _CALL, returns="Call")
    def call(self, account_sid: str, call_sid: str, form: Fields | None = None) -> Record:
        """Return a call's record."""
        return self._call(account_sid, call_sid).record(self.clock())

    @API.route("POST", _CALL, returns="Call", form=fields.CALL_UPDATE)
    def update_call(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Complete or cancel a call, or redirect it (which changes nothing visible)."""
        call = self._call(account_sid, call_sid)
        if call.ended_at is not None:
            raise ApiError(400, "The call has already ended and cannot be updated.")
        check_fields(form, fields.CALL_UPDATE)
        status = text(form, "Status")
        if status == "canceled" and call.status(self.clock()) == "in-progress":
            message = "The call has been answered: it can be completed, but not canceled."
            raise ApiError(422, message, code=WRONG_CALL_STATE)
        if status:
            self.end_call(call_sid, status)
        return call.record(self.clock())

    @API.route("DELETE", _CALL, returns=None, status=204)
    def delete_call(self, account_sid: str, call_sid: str, form: Fields | None = None) -> None:
        """Delete the record of an ended call."""
        call = self._call(account_sid, call_sid)
        if call.ended_at is None:
            raise ApiError(422, "The call has not ended yet: its record cannot be deleted.", code=WRONG_CALL_STATE)
        del self._calls[call.sid]
        self._indexes[account_sid].remove(call)
        self._size -= call.size

    # A stream can be started and stopped, but not read: the API has no GET for it.
    @API.route("POST", f"{_CALL}/Streams", returns="Stream", form=fields.NEW_STREAM, required=("Url",))
    def start_stream(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Start a stream of a call in progress."""
        call = self._call_in_progress(account_sid, call_sid, "a stream cannot be started")
        check_fields(form, fields.NEW_STREAM, "Url")
        url, name, now = text(form, "Url"), text(form, "Name"), self.clock()
        if not fields.has_scheme(url, "wss"):
            raise ApiError(422, "Url is invalid: it must begin with wss://.", code=INVALID_STREAM_URL)
        parameters = fields.stream_parameters(form)
        if name and any(one.name == name and one.status(now) != "stopped" for one in call.streams.values()):
            # No code is documented for this. 21220 would mean the state of the call.
            raise ApiError(422, f"Name {name!r} is already in use by a running stream of this call.")
        self._reserve(call, STREAM_SIZE + len(url) + len(name) + sum(map(len, itertools.chain(*parameters.items()))))
        stream = Stream(
            sid=new_sid(),
            account_sid=account_sid,
            call_sid=call_sid,
            name=name,
            url=url,
            started_at=now,
            track=text(form, "Track", "both_tracks"),
            parameters=parameters,
            has_bearer_token=bool(text(form, "AuthorizationBearerToken")),
            callback_url=text(form, "StatusCallback"),
            callback_method=text(form, "StatusCallbackMethod", "POST"),
        )
        call.streams[stream.sid] = stream
        self._on_stream_event(stream, STARTED, now, 0)
        # The response to a start says queued; the stream is in progress from then on.
        return {**stream.record(now), "status": "queued"}

    @API.route("POST", _STREAM, returns="Stream", form=fields.STREAM_STOP, required=("Status",))
    def stop_stream(self, account_sid: str, call_sid: str, sid_or_name: str, form: Fields) -> Record:
        """Stop a stream. Stopping it again neither fails nor delays the stop."""
        call, now = self._call(account_sid, call_sid), self.clock()
        if (stream := call.find_stream(sid_or_name)) is None:
            raise not_found(f"stream {sid_or_name}")
        if text(form, "Status") != "stopped":
            raise ApiError(422, "Status must be stopped.")
        if call.ended_at is not None:
            raise ApiError(422, "The call has ended, and its streams with it.", code=WRONG_CALL_STATE)
        if stream.stopped_at is None:
            delay = self.settings.stop_delay_ms / 1000
            stream.stop_requested_at, stream.stopped_at = now, now + delay
            self._on_stream_event(stream, STOPPED, stream.stopped_at, delay)
        return stream.record(now)

    @API.route("POST", f"{_CALL}/Recordings", returns="Recording", form=fields.NEW_RECORDING)
    def start_recording(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Start a recording of a call in progress."""
        call = self._call_in_progress(account_sid, call_sid, "a recording cannot be started")
        check_fields(form, fields.NEW_RECORDING)
        self._reserve(call, STREAM_SIZE)
        now = self.clock()
        recording = Recording(
            sid=new_sid(),
            account_sid=account_sid,
            call_sid=call_sid,
            channels="2" if text(form, "RecordingChannels") == "dual" else "1",
            trim=text(form, "Trim", "do-not-trim"),
            started_at=now,
            updated_at=now,
        )
        call.recordings[recording.sid] = recording
        return recording.record()

    @API.route("POST", _RECORDING, returns="Recording", form=fields.RECORDING_UPDATE, required=("Status",))
    def update_recording(self, account_sid: str, call_sid: str, recording_sid: str, form: Fields) -> Record:
        """Pause, resume or stop a recording."""
        recording = self._call(account_sid, call_sid).recordings.get(recording_sid)
        if recording is None:
            raise not_found(f"recording {recording_sid}")
        check_fields(form, fields.RECORDING_UPDATE, "Status")
        if recording.ended_at is not None:
            raise ApiError(422, "The recording has ended and cannot be updated.")
        recording.change(text(form, "Status"), self.clock())
        return recording.record()

    def end_call(self, call_sid: str, status: str = "completed") -> None:
        """End a call as the network would.

        :param status: ``completed``, ``canceled``, ``busy``, ``failed`` or ``no-answer``
        """
        with self.lock:
            now = self.clock()
            for stream in self._calls[call_sid].end(status, now):
                self._on_stream_event(stream, STOPPED, now, 0)

    def seed(self, plan: Any) -> list[dict[str, Any]]:
        """Add calls without going through the API, and return their SIDs and those of their streams.

        :param plan: as :func:`parse_seeds` takes it
        :raises ValueError: if it is invalid; then no call is added
        """
        seeds = parse_seeds(plan)
        if unknown := {seed.account_sid for seed in seeds} - {None, self.settings.project, *self.settings.subprojects}:
            raise ValueError(f"there is no account {unknown.pop()!r}")
        size = sum(seed.count * seed.size for seed in seeds)
        if self._size + size > CAPACITY:
            raise ValueError(f"the calls do not fit in the simulator's memory of {CAPACITY >> 20} MiB")
        now = self.clock()
        calls = []
        for call in itertools.chain(*(seed.calls(self.settings.project, now, self._numbers) for seed in seeds)):
            calls.append(call)
            if not len(calls) % _MANY:
                gc.freeze()  # calls are in no cycles, and a collection that traverses many blocks every request
        sids = {call.sid for call in calls}
        with self.lock:
            if len(sids) < len(calls) or not sids.isdisjoint(self._calls):
                raise ValueError("there is a call with this sid already")
            self._size += size
            self._add(calls)
        return [
            {"sid": call.sid, "streams": [{"sid": one.sid, "name": one.name} for one in call.streams.values()]}
            for call in calls
        ]

    def snapshot(self) -> dict[str, Any]:
        """Return everything there is, without secrets."""
        return {key: list(value) if isinstance(value, Iterator) else value for key, value in self.describe().items()}

    def describe(self) -> dict[str, Any]:
        """Return the snapshot with iterators instead of lists."""
        calls, now = list(self._calls.values()), self.clock()
        streams = [stream for call in calls for stream in list(call.streams.values())]
        running = sum(stream.status(now) != "stopped" for stream in streams)
        return {
            "calls": (call.summary(now) for call in calls),
            "streams": (stream.summary(now) for stream in streams),
            "recordings": (one.record() for call in calls for one in list(call.recordings.values())),
            "counts": {"calls": len(calls), "streams": len(streams), "running_streams": running},
        }

    def _add(self, calls: list[Call]) -> None:
        self._calls |= {call.sid: call for call in calls}
        for account_sid in {call.account_sid for call in calls}:
            self._indexes[account_sid].add([call for call in calls if call.account_sid == account_sid])

    def _reserve(self, call: Call, size: int) -> None:
        if self._size + size > CAPACITY:
            raise ApiError(503, f"The simulator's memory of {CAPACITY >> 20} MiB is full: reset it.")
        self._size += size
        call.size += size

    def _call(self, account_sid: str, call_sid: str) -> Call:
        call = self._calls.get(call_sid)
        if call is None or call.account_sid != account_sid:
            raise not_found(f"call {call_sid}")
        return call

    def _call_in_progress(self, account_sid: str, call_sid: str, consequence: str) -> Call:
        call = self._call(account_sid, call_sid)
        if (status := call.status(self.clock())) != "in-progress":
            raise ApiError(422, f"The call is {status}, not in-progress: {consequence}.", code=WRONG_CALL_STATE)
        return call
