"""Stop a media stream."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

from airflow_provider_signalwire.client.policy.steps import Flow, RequestStats, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import (
    CALL_LIVE_STATUSES,
    CallRecord,
    StreamRecord,
    call_has_ended,
    stopped_stream_record,
    stream_matches,
)
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireApiError, SignalWireNotFoundError, SignalWireRequestError

log = logging.getLogger(__name__)

StopOutcome = Literal["stopped", "already_ended", "missing"]

# SignalWire understood the stop and refuses it, perhaps because there is nothing left to stop.
_STOP_REFUSALS = frozenset({400, 404, 409, 422})


class StopResult(NamedTuple):
    """The result of a stop.

    :param record: The stream's record; None if the stream is missing and that is ignored.
    :param outcome: ``stopped`` (SignalWire accepted the stop), ``already_ended`` (with its call) or ``missing``.
    :param stats: How the stop was sent.
    :param is_same_stream: Whether the record has the ids of the stream asked for, so that its SID can be used.
    :param is_call_missing: Whether there is no such call either.
    """

    record: StreamRecord | None
    outcome: StopOutcome
    stats: RequestStats
    is_same_stream: bool = True
    is_call_missing: bool = False

    @property
    def log_level(self) -> int:
        """The level to log the result at: that nothing was stopped should not go unnoticed."""
        return logging.WARNING if self.record is None else logging.INFO

    def describe(self, call_sid: str, stream_sid: str) -> str:
        """Return one line for the log: the status first, because log viewers cut long lines."""
        sid, name, status = stream_sid, None, "missing (ignored)"
        if self.record is not None:
            sid, name, status = self.record["sid"], self.record.get("name"), self.record["status"]
        elif self.is_call_missing:
            status = "missing (ignored), because its call is"
        ended = " (its call has ended)" if self.outcome == "already_ended" else ""
        named = f" ({mask_phone_numbers(repr(name))})" if name and name != sid else ""
        return (
            f"Stream is {status}{ended}: {mask_phone_numbers(repr(sid))}{named} on call {call_sid!r}. "
            f"Stop: attempts {self.stats.attempts}, {self.stats.seconds * 1000:.0f} ms, "
            f"request id {self.stats.request_id or 'unknown'}."
        )


def stop_stream(
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    *,
    ignore_if_missing: bool = False,
    accepted_before: bool = False,
    deadline: float | None = None,
) -> Flow[StopResult]:
    """Request a stream's stop. If SignalWire refuses because the call has ended, the stop counts as successful.

    :param stream_sid: The stream's SID or its name.
    :param ignore_if_missing: Return no record, instead of raising, when there is no such stream or call.
    :param accepted_before: Whether SignalWire has accepted an earlier stop, so that a missing stream has stopped.
    :param deadline: Monotonic time at which attempts and retries end.
    """
    request = endpoints.stop_call_stream(account_sid, call_sid, stream_sid)
    try:
        record, stats = yield from send(request, deadline=deadline)
    except (SignalWireNotFoundError, SignalWireRequestError) as refusal:
        if refusal.http_status not in _STOP_REFUSALS:
            raise
        call = yield from _read_call(refusal, account_sid, call_sid, deadline)
        return _resolve_refusal(refusal, call, (account_sid, call_sid, stream_sid), accepted_before, ignore_if_missing)
    return StopResult(record, "stopped", stats, stream_matches(record, call_sid, stream_sid))


def _read_call(
    refusal: SignalWireApiError, account_sid: str, call_sid: str, deadline: float | None
) -> Flow[CallRecord | None]:
    """Read the call of a stream that SignalWire refuses to stop; None if there is no such call."""
    try:
        return (yield from send(endpoints.get_call(account_sid, call_sid), deadline=deadline)).record
    except SignalWireNotFoundError:
        refusal.add_advice(
            f"There is no call {call_sid!r}. If SWML, a Call Flow or RELAY made it, use StopCallingStreamOperator."
        )
        return None


def _resolve_refusal(
    refusal: SignalWireApiError,
    call: CallRecord | None,
    stream: tuple[str, str, str],
    accepted_before: bool,
    ignore_if_missing: bool,
) -> StopResult:
    """Distinguish a stream that has ended, perhaps with its call, from one that should be there."""
    stats = RequestStats(refusal.attempts, refusal.seconds, refusal.request_id)
    if call is not None and call_has_ended(call):
        return StopResult(stopped_stream_record(*stream, call=call), "already_ended", stats)
    if refusal.http_status == 404 and (accepted_before or refusal.after_unknown_outcome):
        if not accepted_before:
            log.warning(
                "An earlier attempt may have been processed, and now there is no such stream: it counts as stopped."
            )
        return StopResult(stopped_stream_record(*stream), "stopped", stats)
    if call is None and accepted_before:  # a call that accepted a stop was there, so it was deleted
        return StopResult(stopped_stream_record(*stream), "already_ended", stats)
    if refusal.http_status == 404 and ignore_if_missing:
        return StopResult(None, "missing", stats, is_call_missing=call is None)
    if call is not None:
        is_known = call["status"] in CALL_LIVE_STATUSES
        refusal.add_advice(f"The call is {call['status']!r}." if is_known else "The call's status is unknown.")
    raise refusal
