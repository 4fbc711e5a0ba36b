"""The matrix as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from fault_courses import POSITIONS, WAYS, Cell, Way
from fault_list import FAULTS, Fault
from fault_model import ATTEMPTS, Outcome

_STATES = {"success": "ok", "up_for_retry": "retry", "failed": "fail", "skipped": "skip"}

_PAGE = """\
# Fault matrix

This page shows what comes of every fault, by every way to meet it. It is written by

```console
$ make fault-matrix
```

which plays {cells:,} cells on the [simulator](../reference/simulator.md#faults), over real HTTP: {faults} faults by
{ways} ways at three positions, less those that cannot be.
`make test` plays them too. It compares each with what the rules of [Retries and timeouts](../retries.md) and
[Errors](../guides/errors.md) demand, and fails if this page says anything else.
No cell logs, prints, raises or stores a secret, and none calls another host.

## How to read it

Each field has three lines, for the position of the fault: at the *first* request, in the *middle*, and *always*.

| In a field | Meaning |
| --- | --- |
| `ok` | The task succeeds. |
| `retry` | The task fails, and Airflow's retries apply. |
| `fail` | The task fails for good: no further try is made, whatever its `retries`. |
| a number | How many requests were received in all. |
| `(1 left)` | So many streams run that should not. |
| `n/a` | The fault cannot be there. |

*Error* is what the task fails with if the fault stays, without the `SignalWire` in front. A batch, and a cleanup that
has found its calls, sum up their failures in a `SignalWireBatchError`, or in a `SignalWireBatchRefusedError` if none of
them can pass.

The connection's `max_attempts` is {attempts}, and nobody waits between two attempts unless `Retry-After` asks for it.

| Way | Requests without a fault | In the middle |
| --- | --- | --- |
{courses}

If a stream is left, the task says so: it fails with what kept it from stopping the stream. There are two cases to know.

* A *start* that fails and may have left a stream ends its message with *A stream named … may be running*.
* A *cleanup* believes a 404: what is not there cannot have been forgotten.

## The matrix

{matrix}
"""


def page(outcomes: Mapping[Cell, Outcome]) -> str:
    """Return the page.

    :param outcomes: what has come of each cell
    """
    return _PAGE.format(
        cells=len(outcomes),
        faults=len(FAULTS),
        ways=len(WAYS),
        attempts=ATTEMPTS,
        courses="\n".join(_row(way.name, _requests(way), way.what_is_middle) for way in WAYS),
        matrix="\n".join(
            [
                _row("Fault", "Error", *(way.name for way in WAYS)),
                _row(*["---"] * (2 + len(WAYS))),
                *(_row(fault.name, _error(fault, outcomes), *_fields(fault, outcomes)) for fault in FAULTS),
            ]
        ),
    )


def _row(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


def _requests(way: Way) -> str:
    return " or ".join(dict.fromkeys(str(len(course.requests)) for course in (way.first, way.middle)))


def _error(fault: Fault, outcomes: Mapping[Cell, Outcome]) -> str:
    """Name the error of all ways that do not sum up."""
    errors = {
        outcome.error.removeprefix("SignalWire")
        for cell, outcome in outcomes.items()
        if cell.fault == fault and cell.position == "always" and outcome.error and "Batch" not in outcome.error
    }
    return ", ".join(f"`{error}`" for error in sorted(errors))


def _fields(fault: Fault, outcomes: Mapping[Cell, Outcome]) -> list[str]:
    return ["<br>".join(_line(way, outcomes.get(Cell(fault, way, position))) for position in POSITIONS) for way in WAYS]


def _line(way: Way, outcome: Outcome | None) -> str:
    if outcome is None:
        return "n/a"
    # A stream that was started is meant to run.
    left = 0 if way.name == "start" and outcome.state == "success" else outcome.running
    return f"{_STATES[outcome.state]} {outcome.requests}" + (f" ({left} left)" if left else "")
