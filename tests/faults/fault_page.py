"""The matrix as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from fault_list import FAULTS, POSITIONS, Fault
from fault_model import ATTEMPTS, Outcome
from fault_scenarios import SCENARIOS, Case, Scenario

_STATES = {"success": "ok", "up_for_retry": "retry", "failed": "fail", "skipped": "skip"}

_PAGE = """\
# Fault matrix

The outcome of every fault in every scenario. This command writes the page:

```console
make fault-matrix
```

It runs {cases:,} cases against the [simulator](../reference/simulator.md#faults) over real HTTP: {faults} faults in
{scenarios} scenarios at three positions, without the impossible combinations.
`make test` runs them, too. It compares each outcome with the rules of [Retries and timeouts](../retries.md) and
[Errors](../guides/errors.md), and fails if this page differs.
No case logs, prints, raises or stores a secret, and none sends a request to another host.

## How to read it

Each field has three lines, for the position of the fault: at the *first* request, in the *middle*, and *always*.

| In a field | Meaning |
| --- | --- |
| `ok` | The task succeeds. |
| `retry` | The task fails, and Airflow's retries apply. |
| `fail` | The task fails without a retry, whatever its `retries`. |
| a number | Number of requests that SignalWire received. |
| `…` | Requests are repeated until a deadline. |
| `(1 left)` | Number of streams that run and should not. |
| `n/a` | Impossible, or not run. |

*Error* is the task's error if the fault stays, without the prefix `SignalWire`. A batch, and a cleanup that has found
its calls, raise a `SignalWireBatchError`, or a `SignalWireBatchRefusedError` if no failure is transient. A wait ends
with a `SignalWireTimeoutError`, or a sensor's `AirflowSensorTimeout`, at its deadline if the failure is transient.

The connection's `max_attempts` is {attempts}. There are no pauses between attempts unless `Retry-After` asks for them.

| Scenario | Requests without a fault | In the middle |
| --- | --- | --- |
{sequences}

If a stream is left, the task fails with the reason, with these exceptions:

* A *start* that fails and may have left a stream says *A stream named … may be running*, with the call and the time.
* A start that a gateway processes after its error response (*504, processed later*) is found and stopped only if it
  is processed before the last attempt.
* *429, processed*: SignalWire documents that it does not process such a request, so nothing is stopped. The error says
  so, and that a stream may be running if it did.
* A *cleanup* counts a 404 as a success: a stream that is not found has not been forgotten.

*killed* means that Airflow tells the task to end (a timeout, *mark failed*, *clear*) before the response to the start
arrives. The task requests the stop of the stream by its name. If it is not found, the log says that it may be running.

## The matrix

{matrix}
"""


def page(outcomes: Mapping[Case, Outcome]) -> str:
    """Return the page.

    :param outcomes: The outcome of each case.
    """
    return _PAGE.format(
        cases=len(outcomes),
        faults=len(FAULTS),
        scenarios=len(SCENARIOS),
        attempts=ATTEMPTS,
        sequences="\n".join(_row(item.name, _requests(item), item.described) for item in SCENARIOS),
        matrix="\n".join(
            [
                _row("Fault", "Error", *(scenario.name for scenario in SCENARIOS)),
                _row(*["---"] * (2 + len(SCENARIOS))),
                *(_row(fault.name, _error(fault, outcomes), *_fields(fault, outcomes)) for fault in FAULTS),
            ]
        ),
    )


def _row(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


def _requests(scenario: Scenario) -> str:
    lengths = (len(requests) for requests in (scenario.requests, scenario.other_requests) if requests)
    return " or ".join(dict.fromkeys(map(str, lengths)))


def _error(fault: Fault, outcomes: Mapping[Case, Outcome]) -> str:
    """Name the error that the scenarios end with that send single requests and do not wait."""
    errors = {
        outcome.error.removeprefix("SignalWire")
        for case, outcome in outcomes.items()
        if case.fault == fault and outcome.error == fault.error
    }
    return ", ".join(f"`{error}`" for error in sorted(errors))


def _fields(fault: Fault, outcomes: Mapping[Case, Outcome]) -> list[str]:
    def line(scenario: Scenario, position: str) -> str:
        return _line(scenario, outcomes.get(Case(fault, scenario, position)))

    return ["<br>".join(line(scenario, position) for position in POSITIONS) for scenario in SCENARIOS]


def _line(scenario: Scenario, outcome: Outcome | None) -> str:
    if outcome is None:
        return "n/a"
    # A stream that was started is meant to run.
    left = 0 if scenario.name == "start" and outcome.state == "success" else outcome.running
    requests = "…" if outcome.requests is None else outcome.requests
    return f"{_STATES[outcome.state]} {requests}" + (f" ({left} left)" if left else "")
