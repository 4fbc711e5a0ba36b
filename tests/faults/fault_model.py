"""The expected outcome of each case: the rules of the documentation, applied without the package.

1. A transient failure is retried, three attempts in all. If only one request meets it, it costs that request.
2. Any other failure, or one that stays, is the task's error. Airflow retries the task unless a retry cannot help.
3. A wait is not ended by a transient failure: it goes on until its deadline.
4. A refused stop (400, 404, 409, 422) is followed by a read of the call: if that has ended, the stop succeeded.
5. A start that may have been processed is not repeated before the stream of that name has been stopped.

Each function below is about the scenarios that it names; its first condition that is true decides.
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
    rules = {"batch": _batch, "cleanup": _cleanup, "start": _start}
    return rules.get(case.scenario.name, _one_stream_or_call)(case)


def _success(requests: int, *, running: int = 0) -> Outcome:
    return Outcome("success", None, requests, running)


def _failure(error: str, requests: int | None, *, running: int) -> Outcome:
    return Outcome("failed" if error in FINAL_ERRORS else "up_for_retry", error, requests, running)


# What several scenarios have in common


def _retry_succeeds(case: Case) -> bool:
    """Rule 1: only the first attempt meets the fault."""
    return case.is_once and case.fault.is_transient


def _requests_with_retry(case: Case) -> int:
    """Count the requests if the retry succeeds: one more than without a fault, unless the first did not arrive."""
    return len(case.requests) + case.fault.arrives


def _is_refused_stop(case: Case) -> bool:
    """Rule 4."""
    return case.affected == "stop" and case.fault.status in _STOP_REFUSALS


def _requests_of_failure(case: Case) -> int:
    """Count the requests that are received for the affected stop or read, until it has failed."""
    attempts = _attempts(case.fault) if case.position == "always" else 1
    return attempts * case.fault.arrives + _is_refused_stop(case)


def _attempts(fault: Fault) -> int:
    if not fault.is_transient:
        return 1
    # A wait that is longer than allowed is shortened, and one last attempt is made.
    return 2 if fault.waits_too_long else ATTEMPTS


def _one_stream_or_call(case: Case) -> Outcome:
    """Expect this of one stop, alone or repeated by a wait, and of a wait for a call."""
    fault, scenario = case.fault, case.scenario.name
    timeout = "AirflowSensorTimeout" if "sensor" in scenario else "SignalWireTimeoutError"
    left = int("stop" in case.requests and case.at == 0 and not fault.is_processed)
    if fault.is_accepted:  # its response, with a final status, ends the wait
        return _success(len(case.requests) if case.position == "middle" else 1)
    if _retry_succeeds(case):
        return _success(_requests_with_retry(case))
    if case.repeats_until_deadline:  # rule 3
        return _failure(timeout, None, running=left)
    requests = case.at + _requests_of_failure(case)
    if _is_refused_stop(case) and fault.status == 404 and case.at > 0:
        return _success(requests)  # SignalWire has accepted a stop before, so the stream is gone
    if scenario == "stop" and case.affected == "call" and fault.status == 404:
        # A call that is not found has not ended, so the refusal of the stop stands.
        return _failure("SignalWireRequestError", requests, running=left)
    return _failure(fault.error, requests, running=left)


# Batch and cleanup: a stream that cannot be stopped does not delay the others, but a refused login ends the task


def _batch(case: Case) -> Outcome:
    fault = case.fault
    if fault.is_accepted or _is_never_looked_up(case):
        return _success(STREAMS_IN_BATCH)
    if fault.error == _LOGIN_REFUSED:
        return _failure(_LOGIN_REFUSED, case.at + 1, running=STREAMS_IN_BATCH - case.at)
    if _retry_succeeds(case):
        return _success(_requests_with_retry(case))
    affected = 1 if case.is_once else STREAMS_IN_BATCH
    requests = STREAMS_IN_BATCH - affected + affected * _requests_of_failure(case)
    return _failure(_batch_error(fault), requests, running=0 if fault.is_processed else affected)


def _cleanup(case: Case) -> Outcome:
    fault, undisturbed = case.fault, len(case.requests)
    if fault.is_accepted or _is_never_looked_up(case):
        return _success(undisturbed)
    if _retry_succeeds(case):
        return _success(_requests_with_retry(case))
    if case.affected == "page":  # without the list of calls, nothing is stopped
        return _failure(fault.error, _requests_of_failure(case), running=STREAMS_IN_BATCH)
    if fault.error == _LOGIN_REFUSED:  # one request was for the page
        return _failure(_LOGIN_REFUSED, case.at + 1, running=STREAMS_IN_BATCH - (case.at - 1))
    requests = undisturbed - 1 + _requests_of_failure(case)
    if fault.status == 404:  # a call without a stream of that name
        return _success(requests, running=1)
    return _failure(_batch_error(fault), requests, running=0 if fault.is_processed else 1)


def _is_never_looked_up(case: Case) -> bool:
    """Whether a DNS fault is never met: a batch's requests are too close together for another lookup."""
    return case.fault.lookup is not None and case.position == "middle"


def _batch_error(fault: Fault) -> str:
    return "SignalWireBatchRefusedError" if fault.error in FINAL_ERRORS else "SignalWireBatchError"


# Start: one stream runs if the task succeeds, and none if it fails, unless the error says that one may be running


def _start(case: Case) -> Outcome:
    fault = case.fault
    if fault.is_accepted:
        return _success(len(case.requests), running=1)
    if case.position == "middle":
        return _stop_by_name(case)
    if fault.is_late:
        # The first start is processed before the second one, which is refused; then it is stopped by its name.
        return _success(len(["stop", "call", "start", "start", "stop", "start"]), running=1)
    if fault.is_known_unprocessed:
        return _unprocessed_start(case)
    if not case.is_once:
        # The stop by name (rule 5) meets the same fault.
        return _failure(fault.error, None if case.repeats_until_deadline else 2, running=0)
    # A stream that was not started cannot be stopped: that is refused, and the call is read (rule 4).
    stop_by_name = ["stop"] if fault.is_processed else ["stop", "call"]
    if fault.is_transient:
        return _success(len(["start", *stop_by_name, "start"]), running=1)
    requests = None if case.repeats_until_deadline else len(["start", *stop_by_name])
    return _failure(fault.error, requests, running=0)


def _unprocessed_start(case: Case) -> Outcome:
    """The response says that the start was not processed, so it is safe to repeat."""
    fault = case.fault
    if fault.is_processed and case.is_once:  # against the documentation: the second start is refused
        return _failure("SignalWireRequestError", 2, running=1)
    if _retry_succeeds(case):
        return _success(len(["start"]) + fault.arrives, running=1)
    return _failure(fault.error, _requests_of_failure(case), running=int(fault.is_processed))


def _stop_by_name(case: Case) -> Outcome:
    """A start was processed and its response lost; the stop by name that follows meets the fault."""
    fault = case.fault
    if _retry_succeeds(case):
        return _success(_requests_with_retry(case), running=1)
    if fault.status == 404:
        # It proves nothing, so the stream is started again: refused, as the name is in use. Then the stop succeeds.
        return _success(len(["start", "stop", "call", "start", "stop", "start"]), running=1)
    # The error is the lost response, and it says that a stream may be running.
    requests = len(["start"]) + _requests_of_failure(case)
    return _failure("SignalWireConnectionError", requests, running=0 if fault.is_processed else 1)
