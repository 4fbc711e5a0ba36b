"""The table of recovery times that the tests print."""

from __future__ import annotations

import time


class Report:
    """A table with a row for each failure."""

    def __init__(self) -> None:
        self._rows: list[str] = []

    def add(self, failure: str, result: str, since: float) -> None:
        """Add a row after the recovery.

        :param failure: What the test broke.
        :param result: What happened.
        :param since: Start of the recovery, on the monotonic clock.
        """
        self._rows.append(f"| {failure} | {result} | {time.monotonic() - since:.0f} s |")

    def __str__(self) -> str:
        return "\n".join(["| Failure | Result | Recovery time |", "| --- | --- | --- |", *self._rows])


def format_retries(count: int) -> str:
    return f"{count or 'no'} {'retry' if count == 1 else 'retries'}"
