"""The report of the smoke test: the responses of SignalWire and of the simulator, and their differences."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from live_smoke.observation import Observation, differences

# The values in these records depend on the call, so any of them may be null.
_RECORDS_OF_CALLS = frozenset({"list calls", "create a call", "read the call", "hang up", "read the ended call"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    :param step: Name of the step.
    :param live: Response of SignalWire; None if the step did not run.
    :param simulated: Response of the simulator.
    :param differences: Differences of SignalWire's response.
    """

    step: str
    live: Observation | None
    simulated: Observation
    differences: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The cells of the row."""
        result = "DIFFERENT" if self.differences else "match"
        live, result = (self.live.summary, result) if self.live else ("", "not run")
        return self.step, live, self.simulated.summary, result


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All rows, and the differences common to all responses."""

    rows: list[Row]
    common: tuple[str, ...]

    @property
    def matches(self) -> bool:
        """Whether all responses match."""
        return not self.common and not any(row.differences for row in self.rows)


def compare(live: Mapping[str, Observation], simulated: Mapping[str, Observation]) -> Comparison:
    """Compare the responses of each step."""
    found = {
        step: differences(live[step], expected, nulls_vary=step in _RECORDS_OF_CALLS)
        for step, expected in simulated.items()
        if step in live
    }
    common: set[str] = set.intersection(*map(set, found.values())) if len(found) > 1 else set()
    rows = [
        Row(
            step=step,
            live=live.get(step),
            simulated=expected,
            differences=tuple(one for one in found.get(step, ()) if one not in common),
        )
        for step, expected in simulated.items()
    ]
    return Comparison(rows=rows, common=tuple(sorted(common)))


def render(comparison: Comparison, *, is_simulator: bool, not_run: str | None) -> str:
    """Return the report as Markdown.

    :param is_simulator: Whether the connection points to this machine.
    :param not_run: Reason why some steps did not run.
    """
    run = [row for row in comparison.rows if row.live]
    matching = sum(not row.differences for row in run)
    other_headers = frozenset[str]().union(*(row.live.other_headers for row in run if row.live))
    paragraphs = [
        "# SignalWire smoke test",
        f"airflow-provider-signalwire {version('airflow-provider-signalwire')}, Airflow {version('apache-airflow')}, "
        f"Python {platform.python_version()}. The connection points to "
        f"{'a simulator on this machine' if is_simulator else 'a Space'}.",
        _table([("Step", "SignalWire", "Simulator", "Result"), *(row.cells for row in comparison.rows)]),
        f"{matching} of {len(run)} steps match" + (f"; not run: {not_run}." if not_run else "."),
        _differences("Every response", comparison.common),
        *(_differences(row.step.capitalize(), row.differences) for row in run),
        f"Other response headers: {', '.join(sorted(other_headers)) or 'none'}.",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *lines = (
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows
    )
    return "\n".join([head, f"| {' | '.join('-' * width for width in widths)} |", *lines])


def _differences(title: str, lines: tuple[str, ...]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)]) if lines else ""
