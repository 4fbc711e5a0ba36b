"""The stored results of the test matrix, and the table of the compatibility page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from code_hash import code_hash

PROJECT_DIR = Path(__file__).resolve().parent.parent
RESULTS_FILE = PROJECT_DIR / "constraints" / "matrix-results.json"
PAGE = PROJECT_DIR / "docs" / "compatibility.md"

_MARKS = ("<!-- matrix: begin -->", "<!-- matrix: end -->")
_HEAD = (
    "| Airflow | Python | common-compat | requests | aiohttp | unit tests and example DAGs | commit |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
_PACKAGES = ("apache-airflow", "python", "apache-airflow-providers-common-compat", "requests", "aiohttp")


def load() -> dict[str, Any]:
    """Return the stored result of each row."""
    results: dict[str, Any] = json.loads(RESULTS_FILE.read_text()) if RESULTS_FILE.exists() else {}
    return results


def save(row: str, versions: dict[str, str], summary: str, seconds: float) -> None:
    """Store the result of a row."""
    git = ["git", "-C", str(PROJECT_DIR)]
    commit = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    result = {
        "versions": versions,
        "summary": summary,
        "seconds": round(seconds),
        "commit": commit,
        "code": code_hash(),
    }
    RESULTS_FILE.write_text(json.dumps({**load(), row: result}, indent=1, sort_keys=True) + "\n")


def page(rows: Sequence[tuple[str, str]], results: dict[str, Any]) -> str:
    """Return the compatibility page with these results.

    :param rows: Airflow and Python of each row.
    """
    begin, end = _MARKS
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n\n{table(rows, results)}\n\n{end}{after}"


def table(rows: Sequence[tuple[str, str]], results: dict[str, Any]) -> str:
    """Return the table of the compatibility page."""
    return "\n".join([*_HEAD, *(f"| {' | '.join(_cells(*row, results))} |" for row in rows)])


def _cells(airflow: str, python: str, results: dict[str, Any]) -> list[str]:
    suffix = " (lowest direct)" if airflow == "lowest" else ""
    result = results.get(f"{airflow}-{python}")
    if result is None:
        return [airflow + suffix, python, "", "", "", "left to the CI workflow", ""]
    versions = [result["versions"][name] for name in _PACKAGES]
    summary = f"{result['summary']} ({result['seconds']} s)"
    return [versions[0] + suffix, *versions[1:], summary, result["commit"]]
