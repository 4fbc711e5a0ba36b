"""The simulated world: accounts with their calls, and what the API can do to them.

Every method takes the lock, so that a test may use it from its own thread beside the server's.
"""

from __future__ import annotations

import collections
import functools
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.callbacks import STARTED, STOPPED, Callback, CallbackSchedule
from airflow_provider_signalwire.simulator.creating import new_call, new_recording, new_stream
from airflow_provider_signalwire.simulator.fields import (
    UPDATE_CALL_CHECKS,
    UPDATE_RECORDING_CHECKS,
    Fields,
    check_fields,
    text,
)
from airflow_provider_signalwire.simulator.paging import CallIndex, list_calls, page_request
from airflow_provider_signalwire.simulator.records import (
    Record,
    account_record,
    call_record,
    call_snapshot,
    recording_record,
    stream_record,
    stream_snapshot,
)
from airflow_provider_signalwire.simulator.seeding import SeededCall, seeded_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_signalwire.simulator.entities import Call, Stream
    from airflow_provider_signalwire.simulator.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


def _locked(method: Callable[Concatenate[State, P], T]) -> Callable[Concatenate[State, P], T]:
    @functools.wraps(method)
    def locked(self: State, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class State:
    """Calls, streams and recordings of one project and its subprojects.

    :param settings: who may call, and how long answering and stopping take
    :param clock: tells the time, in seconds since the epoch
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.on_callback_planned: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._started_at = clock()
        self._forget()

    def _forget(self) -> None:
        self._numbers = itertools.count()
        self._calls: dict[str, Call] = {}
        self._indexes: dict[str, CallIndex] = collections.defaultdict(CallIndex)
        self._callbacks = CallbackSchedule()

    @_locked
    def reset(self, settings: Settings) -> None:
        """Forget every call, and go on under these settings."""
        self.settings = settings
        self._forget()

    # Accounts and calls

    def account(self, account_sid: str) -> Record:
        """Return an account's record."""
        return account_record(account_sid, self.settings.project, self._started_at)

    @_locked
    def create_call(self, account_sid: str, form: Fields) -> Record:
        """Place a call.

        :raises ApiError: 400 listing everything that is missing, 422 for a field that is wrong
        """
        now = self.clock()
        answer_delay = self.settings.answer_delay_ms / 1000
        call = new_call(account_sid, form, now, answer_delay, next(self._numbers))
        self._add(call)
        # A new call is always reported as queued, however soon it will be answered.
        return {**call_record(call, now), "status": "queued"}

    @_locked
    def call(self, account_sid: str, call_sid: str) -> Record:
        """Return a call's record."""
        return call_record(self._call(account_sid, call_sid), self.clock())

    @_locked
    def list_calls(self, account_sid: str, query: dict[str, str]) -> Record:
        """Return a page of calls, newest first."""
        return list_calls(self._indexes[account_sid], page_request(account_sid, query), self.clock())

    @_locked
    def update_call(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Hang a call up, cancel it, or send it elsewhere (which changes nothing that can be seen).

        :raises ApiError: 400 if the call has ended, 422 if it is too late to cancel it
        """
        call = self._call(account_sid, call_sid)
        if call.ended_at is not None:
            raise errors.malformed("The call has already ended and cannot be updated.")
        check_fields(form, UPDATE_CALL_CHECKS)
        status = text(form, "Status")
        if status == "canceled" and call.status(self.clock()) == "in-progress":
            raise errors.wrong_state("The call has been answered: it can be completed, but not canceled.")
        if status:
            self._end(call, status)
        return call_record(call, self.clock())

    @_locked
    def end_call(self, call_sid: str, status: str = "completed") -> None:
        """End a call as the network would.

        :param status: ``completed``, ``canceled``, ``busy``, ``failed`` or ``no-answer``
        """
        self._end(self._calls[call_sid], status)

    @_locked
    def delete_call(self, account_sid: str, call_sid: str) -> None:
        """Delete the record of a call that has ended.

        :raises ApiError: 422 if it goes on
        """
        call = self._call(account_sid, call_sid)
        if call.ended_at is None:
            raise errors.wrong_state("The call has not ended yet: its record cannot be deleted.")
        del self._calls[call.sid]
        self._indexes[account_sid].remove(call)

    # Streams

    @_locked
    def start_stream(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Start a stream of a call in progress.

        :raises ApiError: 422
        """
        call = self._call_in_progress(account_sid, call_sid, "a stream cannot be started")
        now = self.clock()
        stream = new_stream(call, form, now)
        call.streams[stream.sid] = stream
        self._plan(now, STARTED, stream)
        # The answer to a start says queued; whoever looks later finds the stream in progress.
        return {**stream_record(stream, now), "status": "queued"}

    @_locked
    def stop_stream(self, account_sid: str, call_sid: str, sid_or_name: str, form: Fields) -> Record:
        """Stop a stream. Asking again neither hurts nor delays it.

        :raises ApiError: 404 if there is no such stream, 422 if its call has ended
        """
        call = self._call(account_sid, call_sid)
        now = self.clock()
        stream = _find_stream(call, sid_or_name)
        if text(form, "Status") != "stopped":
            raise errors.invalid("Status must be stopped.")
        if call.ended_at is not None:
            raise errors.wrong_state("The call has ended, and its streams with it.")
        if stream.stopped_at is None:
            stream.stop_requested_at = now
            stream.stopped_at = now + self.settings.stop_delay_ms / 1000
            self._plan(stream.stopped_at, STOPPED, stream)
        return stream_record(stream, now)

    # Recordings

    @_locked
    def start_recording(self, account_sid: str, call_sid: str, form: Fields) -> Record:
        """Start a recording of a call in progress.

        :raises ApiError: 422
        """
        call = self._call_in_progress(account_sid, call_sid, "a recording cannot be started")
        recording = new_recording(call, form, self.clock())
        call.recordings[recording.sid] = recording
        return recording_record(recording)

    @_locked
    def update_recording(self, account_sid: str, call_sid: str, recording_sid: str, form: Fields) -> Record:
        """Pause, resume or stop a recording.

        :raises ApiError: 404 if there is no such recording, 422 if it has ended
        """
        recording = self._call(account_sid, call_sid).recordings.get(recording_sid)
        if recording is None:
            raise errors.not_found(f"recording {recording_sid}")
        status = text(form, "Status")
        if not status:
            raise errors.invalid("Status is required.")
        check_fields(form, UPDATE_RECORDING_CHECKS)
        if recording.ended_at is not None:
            raise errors.invalid("The recording has ended and cannot be updated.")
        recording.change(status, self.clock())
        return recording_record(recording)

    # Status callbacks

    @_locked
    def take_due_callbacks(self) -> list[Callback]:
        """Take out the status callbacks whose time has come."""
        return self._callbacks.take_due(self.clock())

    @_locked
    def seconds_to_next_callback(self) -> float | None:
        """Return how long there is nothing to send, or None if nothing is planned."""
        due = self._callbacks.next_due()
        return None if due is None else max(0.0, due - self.clock())

    # For tests and demos

    @_locked
    def seed(self, /, **plan: Any) -> list[SeededCall]:
        """Put calls in place without going through the API.

        :param plan: as of :func:`~airflow_provider_signalwire.simulator.seeding.seeded_calls`
        :return: the SIDs of each call and of its streams
        :raises ValueError: if the plan makes no sense
        """
        accounts = (self.settings.project, *self.settings.subprojects)
        calls = seeded_calls(accounts, self.clock(), self._numbers, **plan)
        for call in calls:
            if call.sid in self._calls:
                raise ValueError(f"there is a call {call.sid} already")
        for call in calls:
            self._add(call)
        return [
            {
                "sid": call.sid,
                "streams": [{"sid": stream.sid, "name": stream.name} for stream in call.streams.values()],
            }
            for call in calls
        ]

    @_locked
    def snapshot(self) -> dict[str, Any]:
        """Return everything there is, without secrets."""
        now = self.clock()
        calls = list(self._calls.values())
        streams = [stream_snapshot(stream, now) for call in calls for stream in call.streams.values()]
        return {
            "calls": [call_snapshot(call, now) for call in calls],
            "streams": streams,
            "recordings": [recording_record(one) for call in calls for one in call.recordings.values()],
            "counts": {
                "calls": len(calls),
                "streams": len(streams),
                "running_streams": sum(stream["status"] != "stopped" for stream in streams),
            },
        }

    def _add(self, call: Call) -> None:
        self._calls[call.sid] = call
        self._indexes[call.account_sid].add(call)

    def _call(self, account_sid: str, call_sid: str) -> Call:
        call = self._calls.get(call_sid)
        if call is None or call.account_sid != account_sid:
            raise errors.not_found(f"call {call_sid}")
        return call

    def _call_in_progress(self, account_sid: str, call_sid: str, consequence: str) -> Call:
        call = self._call(account_sid, call_sid)
        status = call.status(self.clock())
        if status != "in-progress":
            raise errors.wrong_state(f"The call is {status}, not in-progress: {consequence}.")
        return call

    def _end(self, call: Call, status: str) -> None:
        now = self.clock()
        call.end(status, now)
        for stream in call.streams.values():
            if stream.stopped_at == now:
                self._plan(now, STOPPED, stream)

    def _plan(self, due: float, event: str, stream: Stream) -> None:
        self._callbacks.add(due, event, stream)
        if stream.callback_url:
            self.on_callback_planned()


def _find_stream(call: Call, sid_or_name: str) -> Stream:
    """Find a stream by SID, then by name.

    A name is free again once its stream has stopped, so the latest of a name is the one that runs, if any does.
    """
    stream = call.streams.get(sid_or_name)
    if stream is not None:
        return stream
    for stream in reversed(call.streams.values()):
        if stream.name == sid_or_name:
            return stream
    raise errors.not_found(f"stream {sid_or_name}")
