"""Run the unit tests and the example DAGs on every supported Airflow, each in a separate environment.

Run by ``make test-matrix``. An environment is built from ``constraints/airflow-X.Y.txt`` and kept in .build/matrix.
The row ``lowest`` uses the declared minimum of each of our dependencies. The row ``pre-release`` has no constraints: it
uses the newest releases, and pre-releases of Airflow.

The results are stored and shown in the table of ``docs/compatibility.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matrix_results
from environments import PROJECT_DIR, TOOLS, run

MATRIX_DIR = PROJECT_DIR / ".build" / "matrix"
TESTS = ("tests/unit", "tests/e2e")

LOWEST = "lowest"
PRE_RELEASE = "pre-release"
# uv installs pre-releases only of packages whose requirement names one.
PRE_RELEASES = (
    *("apache-airflow>=3.0.0a0", "apache-airflow-core>=3.0.0a0", "apache-airflow-task-sdk>=1.0.0a0"),
    "apache-airflow-providers-common-compat>=1.12.0a0",
)


@dataclass(frozen=True)
class Row:
    """One Airflow on one Python."""

    airflow: str
    python: str

    def __str__(self) -> str:
        return f"{self.airflow}-{self.python}"

    @property
    def requirements(self) -> tuple[str, ...]:
        """Arguments of uv that select the versions."""
        if self.airflow == PRE_RELEASE:
            return ("--upgrade", *PRE_RELEASES)
        return ("--constraint", str(self.constraints))

    @property
    def constraints(self) -> Path:
        """The constraints file."""
        return PROJECT_DIR / "constraints" / f"airflow-{self.airflow}.txt"

    @property
    def environment(self) -> Path:
        """The folder of the environment."""
        return MATRIX_DIR / str(self)


PYTHONS = {
    LOWEST: ("3.11",),
    "2.11": ("3.11", "3.12"),
    "3.0": ("3.11", "3.12"),
    "3.1": ("3.11", "3.12", "3.13"),
    "3.2": ("3.11", "3.12", "3.13", "3.14"),
    "3.3": ("3.11", "3.12", "3.13", "3.14"),
    "3.4": ("3.11", "3.12", "3.13", "3.14"),
}
ROWS = tuple(Row(airflow, python) for airflow, pythons in PYTHONS.items() for python in pythons)
EXTRA_ROWS = tuple(Row(PRE_RELEASE, python) for python in PYTHONS["3.4"])  # on demand only


def main() -> None:
    """Test the rows on the command line, or all."""
    options = parse_arguments()
    pythons = {version: find_python(version) for version in {row.python for row in options.rows}}
    missing = sorted(version for version, python in pythons.items() if python is None)
    for version in missing:
        print(
            f"Python {version} was not found, so its rows are skipped. Install it, or set its path: make test-matrix "
            f"PYTHON{version.replace('.', '')}=/path/to/python{version}",
            flush=True,
        )
    passed = [check(row, python) for row in options.rows if (python := pythons[row.python])]
    rows, results = [(row.airflow, row.python) for row in ROWS], matrix_results.load()
    matrix_results.PAGE.write_text(matrix_results.page(rows, results))
    print("\n" + matrix_results.table(rows, results))
    if not all(passed) or not passed:
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="VERSION",
        help="Airflow version (3.3), or with a Python version (3.3-3.12)",
    )
    parser.add_argument("--list", action="store_true", help="print the rows as JSON and exit")
    options = parser.parse_args()
    known = {name: [r for r in (*ROWS, *EXTRA_ROWS) if name in (r.airflow, str(r))] for name in options.rows}
    unknown = [name for name, rows in known.items() if not rows]
    if unknown:
        parser.error(f"not in the matrix: {', '.join(unknown)}")
    options.rows = [row for rows in known.values() for row in rows] if known else list(ROWS)
    if options.list:
        print(json.dumps([{"row": str(row), "python": row.python} for row in options.rows]))
        sys.exit()
    return options


def find_python(version: str) -> str | None:
    """Return an interpreter from a variable such as PYTHON312, the PATH, this process, or pyenv."""
    named = os.environ.get(f"PYTHON{version.replace('.', '')}")
    candidates = [named] if named else [shutil.which(f"python{version}"), sys.executable, pyenv_python(version)]
    # A command of that name may be a shim that does not run, so check each.
    return next((python for python in candidates if python and version_of(python) == version), None)


def version_of(python: str) -> str | None:
    """Return the version of an interpreter, or None if it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def pyenv_python(version: str) -> str | None:
    """Return pyenv's interpreter of a version."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    installed = subprocess.run([pyenv, "prefix", version], capture_output=True, text=True, check=False)
    return f"{installed.stdout.strip()}/bin/python{version}" if installed.returncode == 0 else None


def check(row: Row, python: str) -> bool:
    """Build a row's environment, run the tests in it, and return whether they passed."""
    print(f"==> Airflow {row.airflow} on Python {row.python}", flush=True)
    build(row, python)
    versions = installed_versions(row)
    started = time.monotonic()
    code, output = run_tests(row)
    seconds = time.monotonic() - started
    summary = summary_of(output)
    print(f"{output if code else ''}    {summary}, {seconds:.0f} s", flush=True)
    if row in ROWS:
        matrix_results.save(str(row), versions, summary, seconds)
    return code == 0


def summary_of(output: str) -> str:
    """Return the counts of pytest, after which Airflow 2 prints warnings."""
    found = re.findall(r"^[= ]*(\d+ \w+.*) in [0-9.]+s\b", output, flags=re.MULTILINE)
    return re.sub(r", \d+ warnings?", "", found[-1]) if found else "pytest printed no summary"


def build(row: Row, python: str) -> None:
    """Build the environment unless it exists and its sources have not changed."""
    constraints = b"" if row.airflow == PRE_RELEASE else row.constraints.read_bytes()
    sources = constraints + (PROJECT_DIR / "pyproject.toml").read_bytes() + python.encode()
    fingerprint = hashlib.sha256(sources).hexdigest()
    stamp = row.environment / "fingerprint"
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    shutil.rmtree(row.environment, ignore_errors=True)
    run(TOOLS / "uv", "venv", "--quiet", "--python", python, row.environment)
    run(
        *(TOOLS / "uv", "pip", "install", "--quiet", "--python", row.environment / "bin" / "python"),
        *(*row.requirements, "--group", "test", "--editable", ".[simulator]"),
    )
    stamp.write_text(fingerprint)


def installed_versions(row: Row) -> dict[str, str]:
    """Return the versions to store with the result."""
    names = ("apache-airflow", "apache-airflow-providers-common-compat", "requests", "aiohttp")
    code = (
        "import sys; from importlib.metadata import version\n"
        f"print(sys.version.split()[0], *(version(name) for name in {names!r}))"
    )
    output = subprocess.check_output([str(row.environment / "bin" / "python"), "-c", code], text=True)
    return dict(zip(("python", *names), output.split(), strict=True))


def run_tests(row: Row) -> tuple[int, str]:
    """Run the tests, and return the exit code and the output."""
    pytest = [str(row.environment / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command = [*pytest, "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *TESTS]
    environment = {name: value for name, value in os.environ.items() if name != "AIRFLOW_HOME"}
    with (row.environment / "pytest.log").open("w+") as log:
        result = subprocess.run(command, cwd=PROJECT_DIR, env=environment, stdout=log, stderr=log, check=False)
        log.seek(0)
        return result.returncode, log.read()


if __name__ == "__main__":
    main()
