"""Make, change, hang up and delete calls, and stop recordings.

A repeated request may find that an earlier attempt was processed.
"""

from __future__ import annotations

import logging
from typing import Unpack

from airflow_provider_signalwire.client.flows.stop import STOP_REFUSALS
from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.options import CreateCallOptions, UpdateCallOptions
from airflow_provider_signalwire.client.protocol.records import CallRecord, RecordingRecord
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireConfigurationError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRequestError,
)

log = logging.getLogger(__name__)

CALL_MAY_EXIST = "The call may have been made."
INSTRUCTIONS_MAY_RUN = "The new instructions may be running."
RECORDING_STOPPED = "stopped"


def delete_call(account_sid: str, call_sid: str) -> Flow[None]:
    """Delete the record of an ended call."""
    try:
        yield from send(endpoints.delete_call(account_sid, call_sid))
    except SignalWireNotFoundError as error:
        if not error.after_unknown_outcome:
            raise
        log.info("Call %r is already deleted, by an earlier attempt.", call_sid)


def create_call(
    account_sid: str, *, to: str, from_: str, **options: Unpack[CreateCallOptions]
) -> Flow[ApiResponse[CallRecord]]:
    """Make a call and return its record. It is not repeated if it may have been made, and the error says so."""
    if options.get("url") is None and options.get("application_sid") is None:
        raise SignalWireConfigurationError("Parameter 'url' is None, and so is 'application_sid': give one of them.")
    request = endpoints.create_call(account_sid, to=to, from_=from_, **options)
    log.info("Creating a call.")
    try:
        return (yield from send(request))
    except SignalWireError as failure:
        if failure.outcome == "unknown":
            failure.add_advice(CALL_MAY_EXIST)
        raise


def update_call(
    account_sid: str, call_sid: str, *, is_done_if_ended: bool = False, **options: Unpack[UpdateCallOptions]
) -> Flow[CallRecord]:
    """Change a call in progress and return its record.

    :param is_done_if_ended: Whether a hang-up succeeds if the call has ended already.
    """
    request = endpoints.update_call(account_sid, call_sid, **options)
    is_hang_up = request.form == (("Status", "completed"),)
    try:
        return (yield from send(request)).record
    except (SignalWireNotFoundError, SignalWireRequestError) as refusal:
        # Only a hang-up is repeated. If the call has ended, an earlier attempt was processed.
        if not refusal.after_unknown_outcome and not (is_done_if_ended and is_hang_up):
            raise
        call = (yield from send(endpoints.get_call(account_sid, call_sid))).record
        if not CALL.has_ended(call):
            raise
        return call
    except SignalWireError as failure:
        if failure.outcome == "unknown" and not request.safe_to_repeat:
            failure.add_advice(INSTRUCTIONS_MAY_RUN)
        raise


def update_call_recording(
    account_sid: str, call_sid: str, recording_sid: str, *, status: str, pause_behavior: str | None = None
) -> Flow[RecordingRecord]:
    """Pause, resume or stop a recording and return its record."""
    request = endpoints.update_call_recording(
        account_sid, call_sid, recording_sid, status=status, pause_behavior=pause_behavior
    )
    try:
        return (yield from send(request)).record
    except (SignalWireNotFoundError, SignalWireRequestError) as refusal:
        if status != RECORDING_STOPPED or not _is_done_already(refusal):
            raise
        return {"sid": recording_sid, "account_sid": account_sid, "call_sid": call_sid, "status": RECORDING_STOPPED}


def _is_done_already(refusal: SignalWireApiError) -> bool:
    return refusal.after_unknown_outcome and refusal.http_status in STOP_REFUSALS
