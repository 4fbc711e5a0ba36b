"""Calls, streams and recordings: their status at any moment, and the records that the API returns of them.

No timers run. A call is answered, or a stream stopped, once its time has come.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import email.utils
import functools
import re
import uuid
from typing import Any, Literal, get_args
from urllib.parse import quote

API_VERSION = "2010-04-01"
API_PREFIX = f"/api/laml/{API_VERSION}"
NEVER = float("inf")

EndedStatus = Literal["completed", "canceled", "busy", "failed", "no-answer"]
CallStatus = Literal["queued", "ringing", "in-progress", EndedStatus]
ENDED_STATUSES: tuple[str, ...] = get_args(EndedStatus)
CALL_STATUSES: tuple[str, ...] = get_args(CallStatus)

Record = dict[str, Any]

_AMERICAN_NUMBER = re.compile(r"\+1([0-9]{3})([0-9]{3})([0-9]{4})")
_ACCOUNT_RESOURCES = (
    "available_phone_numbers applications calls conferences incoming_phone_numbers queues recordings messages "
    "transcriptions"
)
_UNSUPPORTED_RESOURCES = (
    "addresses authorized_connect_apps connect_apps keys notifications outgoing_caller_ids sandbox sip short_codes "
    "usage"
)
_UNKNOWN_OF_CALLS = (
    "phone_number_sid price answered_by forwarded_from caller_name annotation group_sid audio_in_mos audio_rtt_avg "
    "audio_rtt_min audio_rtt_max audio_out_jitter_min audio_out_jitter_max audio_out_jitter_avg audio_out_lost"
)


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """A call, from queued to ended."""

    sid: str
    account_sid: str
    to: str
    from_: str
    created_at: float
    dialed_at: float
    answered_at: float
    number: int
    size: int  # bytes in memory, with streams and recordings
    parent_call_sid: str | None = None
    ended_at: float | None = None
    end_status: str = ""
    streams: dict[str, Stream] = dataclasses.field(default_factory=dict)
    recordings: dict[str, Recording] = dataclasses.field(default_factory=dict)

    def status(self, now: float) -> str:
        """Return the call's status."""
        if self.ended_at is not None:
            return self.end_status
        if now >= self.answered_at:
            return "in-progress"
        return "ringing" if now >= self.dialed_at else "queued"

    def started_at(self, now: float) -> float | None:
        """Return when the call was dialed, or None if it has not been yet."""
        return self.dialed_at if self.dialed_at <= (self.ended_at or now) else None

    def find_stream(self, sid_or_name: str) -> Stream | None:
        """Return a stream by SID, or else the latest of that name, since only it can be running."""
        named = (stream for stream in reversed(self.streams.values()) if stream.name == sid_or_name)
        return self.streams.get(sid_or_name) or next(named, None)

    def end(self, status: str, now: float) -> list[Stream]:
        """End the call with its streams and recordings, and return the streams that were not stopped yet."""
        self.ended_at, self.end_status = now, status
        ended = [stream for stream in self.streams.values() if stream.status(now) != "stopped"]
        for stream in ended:
            stream.stopped_at = now
        for recording in self.recordings.values():
            if recording.ended_at is None:
                recording.change("completed", now)
        return ended

    def record(self, now: float) -> Record:
        """Return the call's record."""
        uri = call_uri(self.account_sid, self.sid)
        last = self.ended_at or now
        updated_at = max((time for time in (self.dialed_at, self.answered_at) if time <= last), default=self.created_at)
        was_answered = self.answered_at <= last
        return {
            **self.summary(now),
            "date_created": rfc_2822(self.created_at),
            "date_updated": rfc_2822(self.ended_at or updated_at),
            "parent_call_sid": self.parent_call_sid,
            **dict.fromkeys(("formatted_to", "to_formatted"), _formatted(self.to)),
            **dict.fromkeys(("formatted_from", "from_formatted"), _formatted(self.from_)),
            "duration": 0 if self.ended_at is None or not was_answered else int(self.ended_at - self.answered_at),
            "price_unit": "USD",
            "direction": "outbound",
            "api_version": API_VERSION,
            "uri": f"{uri}.json",
            "subresource_uris": {"notifications": None, "recordings": f"{uri}/Recordings.json"},
            "sip_result_code": "200" if was_answered else None,
            **dict.fromkeys(_UNKNOWN_OF_CALLS.split()),
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the call."""
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "to": self.to,
            "from": self.from_,
            "status": self.status(now),
            "start_time": rfc_2822(self.started_at(now)),
            "end_time": rfc_2822(self.ended_at),
        }


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Stream:
    """A media stream of a call."""

    sid: str
    account_sid: str
    call_sid: str  # not the call itself: such cycles cost the garbage collector a lot of time
    name: str
    url: str
    started_at: float
    track: str = "both_tracks"
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    has_bearer_token: bool = False  # the token itself is not kept
    callback_url: str = ""
    callback_method: str = "POST"
    last_callback: asyncio.Task[None] | None = None
    stop_requested_at: float | None = None
    stopped_at: float | None = None  # in the future while the stop has not taken effect

    def status(self, now: float) -> str:
        """Return the stream's status."""
        if self.stopped_at is None:
            return "in-progress"
        return "stopped" if now >= self.stopped_at else "queued"

    def record(self, now: float) -> Record:
        """Return the stream's record."""
        is_stopped = self.stopped_at is not None and now >= self.stopped_at
        updated_at = self.stopped_at if is_stopped else self.stop_requested_at or self.started_at
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "call_sid": self.call_sid,
            "name": self.name,
            "status": self.status(now),
            "date_updated": rfc_2822(updated_at),
            "uri": f"{call_uri(self.account_sid, self.call_sid)}/Streams/{_quoted(self.sid)}.json",
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the stream, without secrets. The API has no such record."""
        record = self.record(now)
        return {
            **{key: record[key] for key in ("call_sid", "sid", "name", "status", "date_updated")},
            "url": self.url.partition("?")[0],
            "track": self.track,
            "parameters": self.parameters,
            "authorization_bearer_token": "redacted" if self.has_bearer_token else None,
        }


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """A recording of a call."""

    sid: str
    account_sid: str
    call_sid: str
    channels: str
    trim: str
    started_at: float
    updated_at: float
    status: str = "in-progress"
    ended_at: float | None = None

    def change(self, status: str, now: float) -> None:
        """Pause, resume or end the recording."""
        self.status, self.updated_at = status, now
        if status in ("stopped", "completed"):
            self.ended_at = now

    def record(self) -> Record:
        """Return the recording's record."""
        uri = f"{account_uri(self.account_sid)}/Recordings/{_quoted(self.sid)}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "call_sid": self.call_sid,
            **dict.fromkeys(("channel", "channels"), self.channels),
            "date_created": rfc_2822(self.started_at),
            "date_updated": rfc_2822(self.updated_at),
            "start_time": rfc_2822(self.started_at),
            "end_time": rfc_2822(self.ended_at),
            "duration": 0 if self.ended_at is None else int(self.ended_at - self.started_at),
            "price_unit": "USD",
            "source": "StartCallRecordingApi",
            "status": self.status,
            "uri": f"{uri}.json",
            "subresource_uris": {"transcriptions": f"{uri}/Transcriptions.json"},
            "trim": self.trim,
            **dict.fromkeys(("conference_sid", "price", "error_code", "encryption_details")),
        }


def new_sid() -> str:
    """Return a SID that no other call, stream or recording has."""
    return str(uuid.uuid4())


def account_uri(account_sid: str) -> str:
    """Return the path of an account."""
    return f"{API_PREFIX}/Accounts/{_quoted(account_sid)}"


def call_uri(account_sid: str, call_sid: str) -> str:
    """Return the path of a call."""
    return f"{account_uri(account_sid)}/Calls/{_quoted(call_sid)}"


def account_record(account_sid: str, project: str, created_at: float) -> Record:
    """Return the record of a project or a subproject."""
    uri = account_uri(account_sid)
    return {
        "sid": account_sid,
        "friendly_name": "Simulated project",
        "status": "active",
        "auth_token": "redacted",
        **dict.fromkeys(("date_created", "date_updated"), rfc_2822(created_at)),
        "type": "Full",
        "owner_account_sid": project,
        "region_preference": "us-east",
        "uri": uri,
        "subproject": account_sid != project,
        "signing_key": None,
        "subresource_uris": {
            **{name: f"{uri}/{name.title().replace('_', '')}" for name in _ACCOUNT_RESOURCES.split()},
            **dict.fromkeys(_UNSUPPORTED_RESOURCES.split()),
        },
    }


@functools.lru_cache(maxsize=8192)
def _quoted(segment: str) -> str:
    return quote(segment, safe="")


def rfc_2822(moment: float | None) -> str | None:
    """Format a time as the API does, in whole seconds."""
    return None if moment is None else _rfc_2822(int(moment))


@functools.lru_cache(maxsize=8192)
def _rfc_2822(second: int) -> str:
    return email.utils.format_datetime(datetime.datetime.fromtimestamp(second, datetime.UTC))


def _formatted(address: str) -> str:
    american = _AMERICAN_NUMBER.fullmatch(address)
    return "({}) {}-{}".format(*american.groups()) if american else address
