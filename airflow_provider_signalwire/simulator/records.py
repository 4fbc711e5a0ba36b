"""The JSON records the API answers with."""

from __future__ import annotations

import datetime
import email.utils
import functools
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.entities import Call, Recording, Stream

API_VERSION = "2010-04-01"
API_PREFIX = f"/api/laml/{API_VERSION}"

Record = dict[str, Any]

_AMERICAN_NUMBER = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")


def account_uri(account_sid: str) -> str:
    """Return the path of an account."""
    return f"{API_PREFIX}/Accounts/{quote(account_sid, safe='')}"


def rfc_2822(moment: float | None) -> str | None:
    """Write a moment as the API does, in whole seconds."""
    return None if moment is None else _rfc_2822(int(moment))


@functools.lru_cache(maxsize=8192)
def _rfc_2822(second: int) -> str:
    return email.utils.format_datetime(datetime.datetime.fromtimestamp(second, datetime.UTC))


def account_record(account_sid: str, project: str, created_at: float) -> Record:
    """Describe a project or a subproject."""
    uri = account_uri(account_sid)
    served = {
        "available_phone_numbers": "AvailablePhoneNumbers",
        "applications": "Applications",
        "calls": "Calls",
        "conferences": "Conferences",
        "incoming_phone_numbers": "IncomingPhoneNumbers",
        "queues": "Queues",
        "recordings": "Recordings",
        "messages": "Messages",
        "transcriptions": "Transcriptions",
    }
    unsupported = (
        "addresses",
        "authorized_connect_apps",
        "connect_apps",
        "keys",
        "notifications",
        "outgoing_caller_ids",
        "sandbox",
        "sip",
        "short_codes",
        "usage",
    )
    return {
        "sid": account_sid,
        "friendly_name": "Simulated project",
        "status": "active",
        "auth_token": "redacted",
        "date_created": rfc_2822(created_at),
        "date_updated": rfc_2822(created_at),
        "type": "Full",
        "owner_account_sid": project,
        "region_preference": "us-east",
        "uri": uri,
        "subproject": account_sid != project,
        "signing_key": None,
        "subresource_uris": {
            **{name: f"{uri}/{path}" for name, path in served.items()},
            **dict.fromkeys(unsupported),
        },
    }


def call_record(call: Call, now: float) -> Record:
    """Describe a call."""
    uri = f"{account_uri(call.account_sid)}/Calls/{quote(call.sid, safe='')}"
    to, from_ = _formatted(call.to), _formatted(call.from_)
    was_answered = call.answered_at <= (now if call.ended_at is None else call.ended_at)
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "date_created": rfc_2822(call.created_at),
        "date_updated": rfc_2822(call.updated_at(now)),
        "parent_call_sid": call.parent_call_sid,
        "to": call.to,
        "formatted_to": to,
        "to_formatted": to,
        "from": call.from_,
        "formatted_from": from_,
        "from_formatted": from_,
        "phone_number_sid": None,
        "status": call.status(now),
        "start_time": rfc_2822(call.started_at(now)),
        "end_time": rfc_2822(call.ended_at),
        "duration": call.duration(),
        "price": None,
        "price_unit": "USD",
        "direction": "outbound",
        "answered_by": None,
        "api_version": API_VERSION,
        "forwarded_from": None,
        "caller_name": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"notifications": None, "recordings": f"{uri}/Recordings.json"},
        "annotation": None,
        "group_sid": None,
        "audio_in_mos": None,
        "sip_result_code": "200" if was_answered else None,
        "audio_rtt_avg": None,
        "audio_rtt_min": None,
        "audio_rtt_max": None,
        "audio_out_jitter_min": None,
        "audio_out_jitter_max": None,
        "audio_out_jitter_avg": None,
        "audio_out_lost": None,
    }


def stream_record(stream: Stream, now: float) -> Record:
    """Describe a stream."""
    call = stream.call
    return {
        "sid": stream.sid,
        "account_sid": call.account_sid,
        "call_sid": call.sid,
        "name": stream.name,
        "status": stream.status(now),
        "date_updated": rfc_2822(stream.updated_at(now)),
        "uri": f"{account_uri(call.account_sid)}/Calls/{quote(call.sid, safe='')}"
        f"/Streams/{quote(stream.sid, safe='')}.json",
    }


def call_snapshot(call: Call, now: float) -> Record:
    """Describe a call in short."""
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "to": call.to,
        "from": call.from_,
        "status": call.status(now),
        "start_time": rfc_2822(call.started_at(now)),
        "end_time": rfc_2822(call.ended_at),
    }


def stream_snapshot(stream: Stream, now: float) -> Record:
    """Describe a stream as the simulator knows it, without secrets. The API has no such record."""
    return {
        "call_sid": stream.call.sid,
        "sid": stream.sid,
        "name": stream.name,
        "status": stream.status(now),
        "date_updated": rfc_2822(stream.updated_at(now)),
        "url": stream.url.partition("?")[0],
        "track": stream.track,
        "parameters": stream.parameters,
        "authorization_bearer_token": "redacted" if stream.has_bearer_token else None,
    }


def recording_record(recording: Recording) -> Record:
    """Describe a recording."""
    call = recording.call
    uri = f"{account_uri(call.account_sid)}/Recordings/{quote(recording.sid, safe='')}"
    return {
        "sid": recording.sid,
        "account_sid": call.account_sid,
        "api_version": API_VERSION,
        "call_sid": call.sid,
        "conference_sid": None,
        "channel": recording.channels,
        "channels": recording.channels,
        "date_created": rfc_2822(recording.started_at),
        "date_updated": rfc_2822(recording.updated_at),
        "start_time": rfc_2822(recording.started_at),
        "end_time": rfc_2822(recording.ended_at),
        "duration": 0 if recording.ended_at is None else int(recording.ended_at - recording.started_at),
        "price": None,
        "price_unit": "USD",
        "source": "StartCallRecordingApi",
        "status": recording.status,
        "error_code": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"transcriptions": f"{uri}/Transcriptions.json"},
        "encryption_details": None,
        "trim": recording.trim,
    }


def _formatted(address: str) -> str:
    american = _AMERICAN_NUMBER.fullmatch(address)
    return "({}) {}-{}".format(*american.groups()) if american else address
