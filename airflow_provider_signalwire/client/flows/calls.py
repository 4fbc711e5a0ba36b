"""List, hang up and delete calls, and stop recordings: what takes more than one request, or may find its work done."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Unpack

from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.options import CreateCallOptions, UpdateCallOptions
from airflow_provider_signalwire.client.protocol.records import CallPage, CallRecord, RecordingRecord, call_has_ended
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import call_record
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireResponseError,
)

log = logging.getLogger(__name__)

CALL_MAY_EXIST = "The call may have been made."
INSTRUCTIONS_MAY_RUN = "The new instructions may be running."
RECORDING_STOPPED = "stopped"


@dataclass(kw_only=True, repr=False)  # the addresses may hold telephone numbers
class CallPager:
    """Position in a list of calls, page by page.

    :param first: The request for the first page.
    :param limit: Maximum number of calls to return; None means all.
    """

    first: ApiRequest[CallPage]
    limit: int | None = None
    _next: ApiRequest[CallPage] | None = field(init=False)
    _seen: set[str] = field(init=False, default_factory=set)
    _returned: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._next = self.first if self.limit is None or self.limit > 0 else None

    @property
    def exhausted(self) -> bool:
        """Whether there is no further page."""
        return self._next is None

    def next_page(self) -> Flow[list[CallRecord]]:
        """Fetch a page and return its calls; an entry that is not a call is logged and skipped.

        :raises SignalWireResponseError: if the pages go in a circle.
        """
        if self._next is None:
            return []
        request = self._next
        self._seen.add(request.target)
        page = (yield from send(request)).record
        self._next = self._request_after(page)
        calls = [call for call in map(_call_or_none, page["calls"]) if call is not None]
        if self.limit is not None:
            calls = calls[: self.limit - self._returned]
            self._returned += len(calls)
            if self._returned >= self.limit:
                self._next = None
        return calls

    def _request_after(self, page: CallPage) -> ApiRequest[CallPage] | None:
        uri = page["next_page_uri"]
        if not uri:
            return None
        if uri in self._seen:
            raise SignalWireResponseError(
                "Could not list calls: the pages go in a circle (a page names an earlier one as the next).",
                http_status=200,
            )
        return endpoints.next_page_of_calls(uri)


def _call_or_none(entry: Any) -> CallRecord | None:
    try:
        return call_record(entry)
    except ValueError as error:
        sid = entry.get("sid") if isinstance(entry, Mapping) else None
        log.warning("Skipped call %s in the list: the entry %s.", short_repr(sid, limit=60), error)
        return None


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
    try:
        return (yield from send(endpoints.create_call(account_sid, to=to, from_=from_, **options)))
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
        if not call_has_ended(call):
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
    return refusal.after_unknown_outcome and refusal.http_status in (400, 404, 409, 422)
