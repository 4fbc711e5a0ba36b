"""The expected outcome of each case: the rules of the documentation, applied without the package.

Five rules decide nearly everything:

1. A transient failure is retried, three attempts in all; a fault that is met once costs one request and nothing else.
2. Any other failure, or one that stays, is the task's error. Airflow retries the task unless a retry cannot help.
3. A wait is not ended by a transient failure: it goes on until its deadline.
4. A refused stop (400, 404, 409, 422) is followed by a read of the call: if that has ended, the stop succeeded.
5. A start that may have been processed is not repeated before the stream of that name has been stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from fault_list import Fault
from fault_scenarios import STREAMS_IN_BATCH, Case

ATTEMPTS = 3

FINAL_ERRORS = {
    "AirflowSensorTimeout",
    "SignalWireAuthenticationError",
    "SignalWireBatchRefusedError",
    "SignalWireNotFoundError",
    "SignalWireRequestError",
}
_LOGIN_REFUSED = "SignalWireAuthenticationError"
_STOP_REFUSALS = {400, 404, 409, 422}


@dataclass(frozen=True)
class Outcome:
    """How a task ended."""

    state: str  # "success", "failed" (without a retry), "up_for_retry" or "skipped"
    error: str | None  # the name of the error
    requests: int | None  # how many requests were received; None if it depends on the deadline
    running: int  # how many streams were running afterwards


def expected(case: Case) -> Outcome:
    """Return the expected outcome of a case."""
    rules = {"batch": _of_batch, "cleanup": _of_cleanup, "start": _of_start}
    return rules.get(case.scenario.name, _of_sequence)(case)


def _succeeds(requests: int, *, running: int = 0) -> Outcome:
    return Outcome("success", None, requests, running)


def _fails(error: str, requests: int | None, *, running: int) -> Outcome:
    return Outcome("failed" if error in FINAL_ERRORS else "up_for_retry", error, requests, running)


def _received(fault: Fault, attempts: int = 1) -> int:
    return attempts if fault.arrives else 0


def _attempts(fault: Fault) -> int:
    """How often a request that is safe to repeat is sent if it meets nothing but this fault."""
    if not fault.is_transient:
        return 1
    # A wait that is longer than allowed is shortened, and one last attempt is made.
    return 2 if fault.waits_too_long else ATTEMPTS


def _is_refused_stop(case: Case) -> bool:
    return case.affected == "stop" and case.fault.status in _STOP_REFUSALS


def _requests_until_failure(case: Case) -> int:
    """How many requests are sent until a request that is safe to repeat has failed."""
    attempts = 1 if case.is_once else _attempts(case.fault)
    return _received(case.fault, attempts) + _is_refused_stop(case)


def _is_overcome(case: Case) -> bool:
    return case.is_once and case.fault.is_transient


def _of_sequence(case: Case) -> Outcome:
    """One stream or one call, each request after the response to the one before."""
    fault = case.fault
    if fault.is_accepted:
        # The fault replaces the response that would have prolonged the wait.
        return _succeeds(len(case.requests) if case.position == "middle" else 1)
    if _is_overcome(case):
        return _succeeds(len(case.requests) + _received(fault))
    has_stream_running = "stop" in case.requests and case.at == 0 and not fault.is_processed
    if case.repeats_until_deadline:
        is_sensor = "sensor" in case.scenario.name
        error = "AirflowSensorTimeout" if is_sensor else "SignalWireTimeoutError"
        return _fails(error, None, running=int(has_stream_running))
    requests = case.at + _requests_until_failure(case)
    if _is_refused_stop(case) and fault.status == 404 and case.at > 0:
        return _succeeds(requests)  # SignalWire has accepted a stop before, so the stream is gone
    # If the call is not found, it has not ended: the refusal of the stop stands.
    is_refusal_of_stop = case.scenario.name == "stop" and case.affected == "call" and fault.status == 404
    error = "SignalWireRequestError" if is_refusal_of_stop else fault.error
    return _fails(error, requests, running=int(has_stream_running))


def _of_batch(case: Case) -> Outcome:
    """Three streams. One that cannot be stopped does not delay the others; a refused login ends the batch."""
    fault = case.fault
    if fault.is_accepted or _is_met_by_no_lookup(case):
        return _succeeds(STREAMS_IN_BATCH)
    if fault.error == _LOGIN_REFUSED:
        return _fails(_LOGIN_REFUSED, case.at + 1, running=STREAMS_IN_BATCH - case.at)
    if _is_overcome(case):
        return _succeeds(STREAMS_IN_BATCH + _received(fault))
    affected = 1 if case.is_once else STREAMS_IN_BATCH
    return _fails(
        _batch_error(fault),
        STREAMS_IN_BATCH - affected + affected * _requests_until_failure(case),
        running=0 if fault.is_processed else affected,
    )


def _of_cleanup(case: Case) -> Outcome:
    """A page of calls, and the stops of a batch. A stream that is not found is not one that was forgotten."""
    fault, undisturbed = case.fault, len(case.requests)
    if fault.is_accepted or _is_met_by_no_lookup(case):
        return _succeeds(undisturbed)
    if _is_overcome(case):
        return _succeeds(undisturbed + _received(fault))
    if case.affected == "page":
        return _fails(fault.error, _requests_until_failure(case), running=STREAMS_IN_BATCH)
    if fault.error == _LOGIN_REFUSED:
        return _fails(_LOGIN_REFUSED, case.at + 1, running=STREAMS_IN_BATCH - (case.at - 1))
    requests = undisturbed - 1 + _requests_until_failure(case)
    if fault.status == 404:
        return _succeeds(requests, running=1)
    return _fails(_batch_error(fault), requests, running=0 if fault.is_processed else 1)


def _batch_error(fault: Fault) -> str:
    return "SignalWireBatchRefusedError" if fault.error in FINAL_ERRORS else "SignalWireBatchError"


def _is_met_by_no_lookup(case: Case) -> bool:
    """A batch's requests are too close together for a name to be looked up again."""
    return case.fault.lookup is not None and case.position == "middle"


def _of_start(case: Case) -> Outcome:
    """One stream runs if the task succeeds, and none if it fails, unless the error says that one may be running."""
    fault = case.fault
    if fault.is_accepted:
        return _succeeds(len(case.requests), running=1)
    if case.position == "middle":
        return _of_stop_by_name(case)
    if fault.is_late:
        # The first start is processed before the second one, which is refused; then it is stopped by its name.
        return _succeeds(len(["stop", "call", "start", "start", "stop", "start"]), running=1)
    if fault.is_known_unprocessed:
        return _of_unprocessed_start(case)
    if not case.is_once:
        # The stop by name meets the same fault.
        return _fails(fault.error, None if case.repeats_until_deadline else 2, running=0)
    # A stream that was not started cannot be stopped: that is refused, and the call is read.
    cleanup = 1 if fault.is_processed else 2
    if fault.is_transient:
        return _succeeds(1 + cleanup + 1, running=1)
    return _fails(fault.error, None if case.repeats_until_deadline else 1 + cleanup, running=0)


def _of_unprocessed_start(case: Case) -> Outcome:
    fault = case.fault
    if fault.is_processed and case.is_once:  # against the documentation: the second start is refused
        return _fails("SignalWireRequestError", 2, running=1)
    if _is_overcome(case):
        return _succeeds(1 + _received(fault), running=1)
    return _fails(fault.error, _requests_until_failure(case), running=int(fault.is_processed))


def _of_stop_by_name(case: Case) -> Outcome:
    """A start was processed and its response lost; the stop by name that follows meets the fault."""
    fault = case.fault
    if _is_overcome(case):
        return _succeeds(len(case.requests) + _received(fault), running=1)
    if fault.status == 404:
        # It proves nothing, so the stream is started again: refused, as the name is in use. Then the stop succeeds.
        return _succeeds(len(["start", "stop", "call", "start", "stop", "start"]), running=1)
    # The error is the lost response, and it says that a stream may be running.
    requests = 1 + _requests_until_failure(case)
    return _fails("SignalWireConnectionError", requests, running=0 if fault.is_processed else 1)
