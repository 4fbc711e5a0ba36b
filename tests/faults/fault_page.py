"""The matrix as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fault_list import FAULTS, POSITIONS, Fault
from fault_model import Outcome
from fault_scenarios import SCENARIOS, Case, Scenario

_STATES = {"success": "ok", "up_for_retry": "retry", "failed": "fail", "skipped": "skip"}

PAGE = Path(__file__).parents[2] / "docs" / "reliability" / "fault-matrix.md"
_BEGIN_OF_TABLES = "<!-- make fault-matrix writes the rest of this page -->\n"


def page(outcomes: Mapping[Case, Outcome]) -> str:
    """Return the page with its tables.

    :param outcomes: The outcome of each case.
    """
    text, mark, _ = PAGE.read_text(encoding="utf-8").partition(_BEGIN_OF_TABLES)
    scenarios = [
        _row("Scenario", "Requests without a fault", "In the middle"),
        _row("---", "---", "---"),
        *(_row(scenario.name, _requests(scenario), scenario.described) for scenario in SCENARIOS),
    ]
    matrix = [
        _row("Fault", "Error", *(scenario.name for scenario in SCENARIOS)),
        _row(*["---"] * (2 + len(SCENARIOS))),
        *(_row(fault.name, _error(fault, outcomes), *_fields(fault, outcomes)) for fault in FAULTS),
    ]
    count = f"These are {len(outcomes):,} cases: {len(FAULTS)} faults in {len(SCENARIOS)} scenarios."
    parts = ["## The scenarios", "\n".join(scenarios), "## The matrix", count, "\n".join(matrix)]
    return f"{text}{mark}\n" + "\n\n".join(parts) + "\n"


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
