"""What the tests of a run broke, and what came of it, for the documentation."""

from __future__ import annotations

import time


class Report:
    """A table with a line for each thing that was broken."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, broken: str, happened: str, since: float) -> None:
        """Add a line.

        :param broken: what was done
        :param happened: what came of it
        :param since: when it was done, on the monotonic clock; until now everything has become well
        """
        self._lines.append(f"| {broken} | {happened} | {time.monotonic() - since:.0f} s |")

    def __str__(self) -> str:
        return "\n".join(["| Broken | What happened | All well after |", "| --- | --- | --- |", *self._lines])


def further_tries(count: int) -> str:
    return f"{count or 'no'} further {'try' if count == 1 else 'tries'}"
