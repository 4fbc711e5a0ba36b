"""Stop a media stream."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

from airflow_provider_signalwire.client.policy.steps import Flow, RequestStats, send
from airflow_provider_signalwire.client.protocol import endpoints, stream_endpoints
from airflow_provider_signalwire.client.protocol.records import Record, StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, StreamParent
from airflow_provider_signalwire.exceptions import SignalWireApiError, SignalWireNotFoundError, SignalWireRequestError

log = logging.getLogger(__name__)

StopOutcome = Literal["stopped", "already_ended", "missing"]

# SignalWire understood the stop and refuses it, perhaps because there is nothing left to stop.
STOP_REFUSALS = frozenset({400, 404, 409, 422})


class StopResult(NamedTuple):
    """The result of a stop.

    :param record: The stream's record; None if the stream is missing and that is ignored.
    :param outcome: ``stopped`` (SignalWire accepted the stop), ``already_ended`` (with its call or conference) or
        ``missing``.
    :param stats: How the stop was sent.
    :param is_same_stream: Whether the record has the ids of the stream asked for, so that its SID can be used.
    :param is_parent_missing: Whether there is no such call or conference either.
    :param parent: What the stream belongs to.
    """

    record: StreamRecord | None
    outcome: StopOutcome
    stats: RequestStats
    is_same_stream: bool = True
    is_parent_missing: bool = False
    parent: StreamParent = CALL

    @property
    def log_level(self) -> int:
        """The level to log the result at: that nothing was stopped should not go unnoticed."""
        return logging.WARNING if self.record is None else logging.INFO

    def describe(self, parent_sid: str, stream_sid: str) -> str:
        """Return one line for the log: the status first, because log viewers cut long lines."""
        sid, name, status = stream_sid, None, "missing (ignored)"
        if self.record is not None:
            sid, name, status = self.record["sid"], self.record.get("name"), self.record["status"]
        elif self.is_parent_missing:
            status = f"missing (ignored), because its {self.parent.noun} is"
        ended = f" (its {self.parent.noun} has ended)" if self.outcome == "already_ended" else ""
        named = f" ({mask_phone_numbers(repr(name))})" if name and name != sid else ""
        return (
            f"Stream is {status}{ended}: {mask_phone_numbers(repr(sid))}{named} on {self.parent.noun} {parent_sid!r}. "
            f"Stop: attempts {self.stats.attempts}, {self.stats.seconds * 1000:.0f} ms, "
            f"request id {self.stats.request_id or 'unknown'}."
        )


def stop_stream(
    account_sid: str,
    parent_sid: str,
    stream_sid: str,
    *,
    parent: StreamParent = CALL,
    ignore_if_missing: bool = False,
    accepted_before: bool = False,
    deadline: float | None = None,
    start: ApiRequest[StreamRecord] | None = None,
) -> Flow[StopResult]:
    """Request a stream's stop. If SignalWire refuses because its parent has ended, the stop counts as successful.

    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID or its name.
    :param ignore_if_missing: Return no record, instead of raising, when there is no such stream, call or conference.
    :param parent: What the stream belongs to.
    :param accepted_before: Whether SignalWire has accepted an earlier stop, so that a missing stream has stopped.
    :param deadline: Monotonic time at which attempts and retries end.
    :param start: The start of the stream, if it is known: a response may quote it.
    """
    request = stream_endpoints.stop_stream(parent, account_sid, parent_sid, stream_sid, start=start)
    try:
        record, stats = yield from send(request, deadline=deadline)
    except (SignalWireNotFoundError, SignalWireRequestError) as refusal:
        if refusal.http_status not in STOP_REFUSALS:
            raise
        read = endpoints.get_stream_parent(parent, account_sid, parent_sid, start=start)
        found = yield from _read_parent(read, refusal, parent, parent_sid, deadline)
        outcome = _outcome_of_refusal(refusal, parent, found, accepted_before, ignore_if_missing)
        stats = RequestStats(refusal.attempts, refusal.seconds, refusal.request_id)
        if outcome == "missing":
            return StopResult(None, outcome, stats, is_parent_missing=found is None, parent=parent)
        ended = found if outcome == "already_ended" else None
        record = parent.stopped_stream(account_sid, parent_sid, stream_sid, ended=ended)
        return StopResult(record, outcome, stats, parent=parent)
    is_same_stream = parent.stream_matches(record, parent_sid, stream_sid)
    return StopResult(record, "stopped", stats, is_same_stream, parent=parent)


def _read_parent(
    request: ApiRequest[Record],
    refusal: SignalWireApiError,
    parent: StreamParent,
    parent_sid: str,
    deadline: float | None,
) -> Flow[Record | None]:
    """Read the call or conference of a stream that SignalWire refuses to stop; None if there is none."""
    try:
        return (yield from send(request, deadline=deadline)).record
    except SignalWireNotFoundError:
        other_api = " If SWML, a Call Flow or RELAY made it, use StopCallingStreamOperator." if parent is CALL else ""
        refusal.add_advice(f"There is no {parent.noun} {parent_sid!r}.{other_api}")
        return None


def _outcome_of_refusal(
    refusal: SignalWireApiError,
    parent: StreamParent,
    parent_record: Record | None,
    accepted_before: bool,
    ignore_if_missing: bool,
) -> StopOutcome:
    """Distinguish a stream that has ended, perhaps with its call, from one that should be there: that is an error."""
    if parent_record is not None and parent.has_ended(parent_record):
        return "already_ended"
    if refusal.http_status == 404 and accepted_before:
        return "stopped"
    if refusal.http_status == 404 and refusal.after_unknown_outcome:
        log.warning(
            "An earlier attempt may have been processed, and now there is no such stream: it counts as stopped."
        )
        return "stopped"
    if parent_record is None and accepted_before:  # a call that accepted a stop was there, so it was deleted
        return "already_ended"
    if refusal.http_status == 404 and ignore_if_missing:
        return "missing"
    if parent_record is not None:
        is_known = (status := parent_record["status"]) in parent.live_statuses
        refusal.add_advice(
            f"The {parent.noun} is {status!r}." if is_known else f"The {parent.noun}'s status is unknown."
        )
    raise refusal
