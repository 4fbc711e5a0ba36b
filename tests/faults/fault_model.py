"""What has to come of a fault: the rules of the documentation, applied without the package.

Four rules decide nearly everything:

1. A fault that may pass is tried again, three times in all; met once, it costs one request more and nothing else.
2. A fault that cannot pass, or does not, is the task's error. Airflow tries the task again, unless the error says that
   this cannot help.
3. A stop that was refused (400, 404, 409, 422) is followed by one look at the call: if that has ended, all is well.
4. A start that may have been processed is never repeated before the stream of that name has been stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from fault_courses import STREAMS_IN_BATCH, Cell
from fault_list import Fault

ATTEMPTS = 3

# What no retry can mend. All other errors leave Airflow's retries to work.
FINAL_ERRORS = {
    "SignalWireAuthenticationError",
    "SignalWireBatchRefusedError",
    "SignalWireNotFoundError",
    "SignalWireRequestError",
}
_LOGIN_REFUSED = "SignalWireAuthenticationError"
_STOP_REFUSALS = {400, 404, 409, 422}


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    :param state: ``success``, ``failed`` (for good), ``up_for_retry`` or ``skipped``
    :param error: the name of the error, if there is one
    :param requests: how many requests were received
    :param running: how many streams were running afterwards
    """

    state: str
    error: str | None
    requests: int
    running: int


def expected(cell: Cell) -> Outcome:
    """Return what has to come of a cell."""
    rules = {"batch": _of_batch, "cleanup": _of_cleanup, "start": _of_start}
    return rules.get(cell.way.name, _of_one_after_another)(cell)


def _succeeds(requests: int, *, running: int = 0) -> Outcome:
    return Outcome("success", None, requests, running)


def _fails(error: str, requests: int, *, running: int) -> Outcome:
    return Outcome("failed" if error in FINAL_ERRORS else "up_for_retry", error, requests, running)


def _received(fault: Fault, attempts: int = 1) -> int:
    return attempts if fault.arrives else 0


def _attempts(fault: Fault) -> int:
    """How often a request that is safe to repeat is sent, if it meets nothing but this fault."""
    if not fault.may_pass:
        return 1
    # A wait that is longer than allowed is cut, and one last attempt is made.
    return 2 if fault.waits_too_long else ATTEMPTS


def _is_refused_stop(cell: Cell) -> bool:
    return cell.struck == "stop" and cell.fault.status in _STOP_REFUSALS


def _requests_in_vain(cell: Cell) -> int:
    """How many requests it takes until a request that is safe to repeat has failed."""
    attempts = 1 if cell.once else _attempts(cell.fault)
    return _received(cell.fault, attempts) + _is_refused_stop(cell)


def _is_mended(cell: Cell) -> bool:
    return cell.once and cell.fault.may_pass


def _of_one_after_another(cell: Cell) -> Outcome:
    """One stream or one call, each request after the answer to the one before."""
    fault, course = cell.fault, cell.course
    if _is_mended(cell):
        return _succeeds(len(course.requests) + _received(fault))
    requests = course.at + _requests_in_vain(cell)
    has_stream_running = "stop" in course.requests and course.at == 0 and not fault.processed
    # If the call is not there, it has not ended: the refusal of the stop stands.
    the_refusal_stands = cell.way.name == "stop" and cell.struck == "call" and fault.status == 404
    error = "SignalWireRequestError" if the_refusal_stands else fault.error
    return _fails(error, requests, running=int(has_stream_running))


def _of_batch(cell: Cell) -> Outcome:
    """Three streams. One that cannot be stopped does not hold up the others; a login refused at once does."""
    fault = cell.fault
    if _is_met_by_no_lookup(cell):
        return _succeeds(STREAMS_IN_BATCH)
    if fault.error == _LOGIN_REFUSED and cell.course.at == 0:
        return _fails(_LOGIN_REFUSED, 1, running=STREAMS_IN_BATCH)
    if _is_mended(cell):
        return _succeeds(STREAMS_IN_BATCH + _received(fault))
    struck = 1 if cell.once else STREAMS_IN_BATCH
    return _fails(
        _batch_error(fault),
        STREAMS_IN_BATCH - struck + struck * _requests_in_vain(cell),
        running=0 if fault.processed else struck,
    )


def _of_cleanup(cell: Cell) -> Outcome:
    """A page of calls, and the stops of a batch. A stream that is not there is none that was forgotten."""
    fault, undisturbed = cell.fault, len(cell.course.requests)
    if _is_met_by_no_lookup(cell):
        return _succeeds(undisturbed)
    if _is_mended(cell):
        return _succeeds(undisturbed + _received(fault))
    if cell.struck == "page":
        return _fails(fault.error, _requests_in_vain(cell), running=STREAMS_IN_BATCH)
    requests = undisturbed - 1 + _requests_in_vain(cell)
    if fault.status == 404:
        return _succeeds(requests, running=1)
    return _fails(_batch_error(fault), requests, running=0 if fault.processed else 1)


def _batch_error(fault: Fault) -> str:
    return "SignalWireBatchRefusedError" if fault.error in FINAL_ERRORS else "SignalWireBatchError"


def _is_met_by_no_lookup(cell: Cell) -> bool:
    """A batch's requests are too close together for a name to be looked up again."""
    return cell.fault.lookup is not None and cell.position == "middle"


def _of_start(cell: Cell) -> Outcome:
    """One stream runs if the task succeeds, and none if it fails, unless the error says that one may."""
    if cell.position == "middle":
        return _of_clearing_up(cell)
    fault = cell.fault
    if fault.surely_unprocessed:
        if _is_mended(cell):
            return _succeeds(1 + _received(fault), running=1)
        return _fails(fault.error, _requests_in_vain(cell), running=0)
    if not cell.once:
        # The stop by name meets the same fault.
        return _fails(fault.error, 1 + _attempts(fault), running=0)
    # What was not started cannot be stopped: that is refused, and the call is read.
    clearing_up = 1 if fault.processed else 2
    if fault.may_pass:
        return _succeeds(1 + clearing_up + 1, running=1)
    return _fails(fault.error, 1 + clearing_up, running=0)


def _of_clearing_up(cell: Cell) -> Outcome:
    """A start was processed and its answer lost; the stop by name that follows meets the fault."""
    fault = cell.fault
    if _is_mended(cell):
        return _succeeds(len(cell.course.requests) + _received(fault), running=1)
    if fault.status == 404:
        # Believed, so the stream is started anew: that is refused, as the name is in use; stopped by name after all.
        return _succeeds(len(["start", "stop", "call", "start", "stop", "start"]), running=1)
    # It is the lost answer that is reported, and that a stream may be running.
    requests = 1 + _requests_in_vain(cell)
    return _fails("SignalWireConnectionError", requests, running=0 if fault.processed else 1)
