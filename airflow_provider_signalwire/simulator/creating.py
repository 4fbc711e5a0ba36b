"""From the fields of a request to a new call, stream or recording."""

from __future__ import annotations

import uuid

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.entities import Call, Recording, Stream
from airflow_provider_signalwire.simulator.fields import (
    CREATE_CALL_CHECKS,
    CREATE_RECORDING_CHECKS,
    START_STREAM_CHECKS,
    Fields,
    check_fields,
    is_stream_url,
    stream_parameters,
    text,
)


def new_call(account_sid: str, form: Fields, now: float, answer_delay: float, number: int) -> Call:
    """Place a call: it rings after half of its answer delay.

    :raises ApiError: 400 listing everything that is missing, 422 for a field that is wrong
    """
    missing = [f"{name} is required." for name in ("To", "From") if not text(form, name)]
    if not any(text(form, name) for name in ("Url", "ApplicationSid", "Laml", "Twiml")):
        missing.append("Url is required, unless ApplicationSid, Laml or Twiml is given.")
    if missing:
        raise errors.malformed(*missing)
    check_fields(form, CREATE_CALL_CHECKS)
    return Call(
        sid=str(uuid.uuid4()),
        account_sid=account_sid,
        to=text(form, "To"),
        from_=text(form, "From"),
        created_at=now,
        dialed_at=now + answer_delay / 2,
        answered_at=now + answer_delay,
        number=number,
    )


def new_stream(call: Call, form: Fields, now: float) -> Stream:
    """Start a stream of a call in progress.

    :raises ApiError: 422
    """
    url = text(form, "Url")
    if not url:
        raise errors.invalid("Url is required.")
    if not is_stream_url(url):
        raise errors.ApiError(422, errors.INVALID_STREAM_URL, "Url is invalid: it must begin with wss://.")
    check_fields(form, START_STREAM_CHECKS)
    name = text(form, "Name")
    if name and any(other.name == name and other.status(now) != "stopped" for other in call.streams.values()):
        # No code is documented for this. 21220 would blame the state of the call, while it is the argument
        # that is wrong: 10000.
        raise errors.invalid(f"Name {name!r} is already in use by a running stream of this call.")
    return Stream(
        sid=str(uuid.uuid4()),
        call=call,
        name=name,
        url=url,
        started_at=now,
        track=text(form, "Track") or "both_tracks",
        parameters=stream_parameters(form),
        has_bearer_token=bool(text(form, "AuthorizationBearerToken")),
        callback_url=text(form, "StatusCallback"),
        callback_method=text(form, "StatusCallbackMethod") or "POST",
    )


def new_recording(call: Call, form: Fields, now: float) -> Recording:
    """Start a recording of a call in progress.

    :raises ApiError: 422
    """
    check_fields(form, CREATE_RECORDING_CHECKS)
    return Recording(
        sid=str(uuid.uuid4()),
        call=call,
        channels="2" if text(form, "RecordingChannels") == "dual" else "1",
        trim=text(form, "Trim") or "do-not-trim",
        started_at=now,
        updated_at=now,
    )
