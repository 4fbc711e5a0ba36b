"""Calls, conferences and recordings of the Compatibility API, and the records that it returns of them."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, get_args

from airflow_provider_signalwire.simulator.resources import Record, Resource, Stream, new_sid, quoted, rfc_2822

API_VERSION = "2010-04-01"
API_PREFIX = f"/api/laml/{API_VERSION}"

EndedStatus = Literal["completed", "canceled", "busy", "failed", "no-answer"]
CallStatus = Literal["queued", "ringing", "in-progress", EndedStatus]
ConferenceStatus = Literal["init", "in-progress", "completed"]

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
class Call(Resource):
    """A call, from queued to ended."""

    kind = "call"
    sid_key = "call_sid"
    statuses = get_args(CallStatus)
    ended_statuses = get_args(EndedStatus)

    to: str
    from_: str
    dialed_at: float
    answered_at: float
    parent_call_sid: str | None = None
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

    def end(self, status: str, now: float) -> list[Stream]:
        """End the call with its streams and recordings, and return the streams that were not stopped yet."""
        for recording in self.recordings.values():
            if recording.ended_at is None:
                recording.change("completed", now)
        return Resource.end(self, status, now)

    def record(self, now: float) -> Record:
        """Return the call's record."""
        uri, last = resource_uri(self), self.ended_at or now
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
            **Resource.summary(self, now),
            "to": self.to,
            "from": self.from_,
            "start_time": rfc_2822(self.started_at(now)),
            "end_time": rfc_2822(self.ended_at),
        }


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Conference(Resource):
    """A conference."""

    kind = "conference"
    sid_key = "conference_sid"
    statuses = get_args(ConferenceStatus)
    unnamed = None

    friendly_name: str

    def record(self, now: float) -> Record:
        """Return the conference's record."""
        uri = resource_uri(self)
        return {
            **self.summary(now),
            "date_created": rfc_2822(self.created_at),
            "date_updated": rfc_2822(self.ended_at or self.created_at),
            "api_version": API_VERSION,
            "region": "us1",
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{name.title()}.json" for name in ("participants", "recordings")},
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the conference."""
        return {**Resource.summary(self, now), "friendly_name": self.friendly_name}


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """A recording of a call."""

    sid: str = dataclasses.field(default_factory=new_sid)
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
        uri = f"{account_uri(self.account_sid)}/Recordings/{quoted(self.sid)}"
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


def stream_record(stream: Stream, parent: Resource, now: float) -> Record:
    """Return the record of a stream."""
    return {
        **stream.record(now),
        "account_sid": stream.account_sid,
        "name": stream.name or parent.unnamed,
        "uri": f"{resource_uri(parent)}/Streams/{quoted(stream.sid)}.json",
    }


def account_uri(account_sid: str) -> str:
    """Return the path of an account."""
    return f"{API_PREFIX}/Accounts/{quoted(account_sid)}"


def resource_uri(resource: Resource) -> str:
    """Return the path of a call or a conference."""
    return f"{account_uri(resource.account_sid)}/{resource.kind.title()}s/{quoted(resource.sid)}"


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


def _formatted(address: str) -> str:
    american = _AMERICAN_NUMBER.fullmatch(address)
    return "({}) {}-{}".format(*american.groups()) if american else address
