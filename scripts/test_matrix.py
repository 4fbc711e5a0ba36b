"""Runs the unit tests and the example DAGs on every supported Airflow, each in a separate environment.

Run by ``make test-matrix``; an environment is built from ``constraints/airflow-X.Y.txt`` and kept below .build/matrix.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
MATRIX_DIR = PROJECT_DIR / ".build" / "matrix"
UV = PROJECT_DIR / ".venv" / "bin" / "uv"
TESTS = ("tests/unit", "tests/e2e")
TABLE_MARKS = ("<!-- matrix: begin -->", "<!-- matrix: end -->")


@dataclass(frozen=True)
class Row:
    """One Airflow on one Python."""

    airflow: str
    python: str

    def __str__(self) -> str:
        return f"airflow-{self.airflow}-python{self.python}"

    @property
    def constraints(self) -> Path:
        """The file that says which versions are installed."""
        return PROJECT_DIR / "constraints" / f"airflow-{self.airflow}.txt"

    @property
    def environment(self) -> Path:
        """Where it is installed."""
        return MATRIX_DIR / str(self)


ROWS = (
    Row("2.11", "3.11"),
    Row("3.0", "3.11"),
    Row("3.1", "3.11"),
    Row("3.2", "3.11"),
    Row("3.3", "3.11"),
    Row("3.3", "3.12"),
    Row("3.3", "3.13"),
)


@dataclass(frozen=True)
class Result:
    """How the tests ended on one row."""

    row: Row
    versions: dict[str, str]
    summary: str
    passed: bool
    seconds: float


def main() -> None:
    """Check the rows asked for."""
    options = parse_arguments()
    pythons, missing = find_pythons({row.python for row in options.rows})
    for version in missing:
        print(
            f"Python {version} was not found: install it, or name it: make test-matrix "
            f"PYTHON{version.replace('.', '')}=/path/to/python{version}; ALLOW_MISSING=1 leaves it out.",
            flush=True,
        )
    rows = [row for row in options.rows if row.python in pythons]
    if not rows or (missing and not options.allow_missing):
        sys.exit(2)
    results = [check(row, pythons[row.python]) for row in rows]
    print("\n" + table(results))
    if options.table is not None:
        write_table(options.table, results)
    if not all(result.passed for result in results):
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="VERSION", help="3.3 for an Airflow, 3.3-3.12 for one Python of it")
    parser.add_argument("--allow-missing", action="store_true", help="leave out a Python that is not installed")
    parser.add_argument("--table", type=Path, help="Markdown file to write the results into; needs every row")
    options = parser.parse_args()
    known = {name: [r for r in ROWS if name in (r.airflow, f"{r.airflow}-{r.python}")] for name in options.rows}
    unknown = [name for name, rows in known.items() if not rows]
    if unknown:
        parser.error(f"not in the matrix: {', '.join(unknown)}")
    options.rows = [row for row in ROWS if not known or any(row in rows for rows in known.values())]
    if options.table is not None and len(options.rows) != len(ROWS):
        parser.error("--table needs every row")
    return options


def find_pythons(versions: set[str]) -> tuple[dict[str, str], list[str]]:
    """Return the interpreters found, by version, and the versions that have none."""
    found = {version: find_python(version) for version in versions}
    return {v: python for v, python in found.items() if python}, sorted(v for v in found if not found[v])


def find_python(version: str) -> str | None:
    """Look at PYTHON312 and the like, on the PATH, at this interpreter, and among pyenv's."""
    named = os.environ.get(f"PYTHON{version.replace('.', '')}")
    candidates = [named] if named else [shutil.which(f"python{version}"), sys.executable, pyenv_python(version)]
    # A command of that name may be a shim that runs nothing, so each is asked.
    return next((python for python in candidates if python and version_of(python) == version), None)


def version_of(python: str) -> str | None:
    """Ask an interpreter for its version; None if it does not run."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def pyenv_python(version: str) -> str | None:
    """Return where pyenv has that version."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    installed = subprocess.run([pyenv, "prefix", version], capture_output=True, text=True, check=False)
    return f"{installed.stdout.strip()}/bin/python{version}" if installed.returncode == 0 else None


def check(row: Row, python: str) -> Result:
    """Build a row's environment and run the tests in it."""
    print(f"==> Airflow {row.airflow} on Python {row.python}", flush=True)
    build(row, python)
    versions = installed_versions(row)
    started = time.monotonic()
    code, output = run_tests(row)
    seconds = time.monotonic() - started
    summary = re.sub(r"[= ]*(.+?) in [0-9.]+s.*", r"\1", output.rstrip().splitlines()[-1])
    print(f"{output if code else ''}    {summary}, {seconds:.0f} s", flush=True)
    return Result(row, versions, summary, passed=code == 0, seconds=seconds)


def build(row: Row, python: str) -> None:
    """Make the environment, unless it is there already and nothing it is made from has changed."""
    sources = row.constraints.read_bytes() + (PROJECT_DIR / "pyproject.toml").read_bytes() + python.encode()
    fingerprint = hashlib.sha256(sources).hexdigest()
    stamp = row.environment / "fingerprint"
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    shutil.rmtree(row.environment, ignore_errors=True)
    run_uv("venv", "--python", python, str(row.environment))
    run_uv(
        *("pip", "install", "--python", str(row.environment / "bin" / "python")),
        *("--constraint", str(row.constraints), "--group", "test", "--editable", ".[simulator]"),
    )
    stamp.write_text(fingerprint)


def run_uv(*arguments: str) -> None:
    """Run uv, which must succeed."""
    subprocess.run([str(UV), *arguments, "--quiet"], cwd=PROJECT_DIR, check=True)


def installed_versions(row: Row) -> dict[str, str]:
    """Return what the results are to name."""
    names = ("apache-airflow", "apache-airflow-providers-common-compat", "requests", "aiohttp")
    ask = (
        "import sys; from importlib.metadata import version\n"
        f"print(sys.version.split()[0], *(version(name) for name in {names!r}))"
    )
    answer = subprocess.check_output([str(row.environment / "bin" / "python"), "-c", ask], text=True)
    return dict(zip(("python", *names), answer.split(), strict=True))


def run_tests(row: Row) -> tuple[int, str]:
    """Run the tests, and return the exit code and what was printed."""
    command = [str(row.environment / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    environment = {name: value for name, value in os.environ.items() if name != "AIRFLOW_HOME"}
    with (row.environment / "pytest.log").open("w+") as log:
        done = subprocess.run(command, cwd=PROJECT_DIR, env=environment, stdout=log, stderr=log, check=False)
        log.seek(0)
        return done.returncode, log.read()


def table(results: list[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| Airflow | Python | common-compat | requests | aiohttp | unit tests and example DAGs |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        versions = result.versions
        cells = (
            versions["apache-airflow"],
            versions["python"],
            versions["apache-airflow-providers-common-compat"],
            versions["requests"],
            versions["aiohttp"],
            f"{result.summary} ({result.seconds:.0f} s)",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_table(path: Path, results: list[Result]) -> None:
    """Put the table into a document, between its marks."""
    begin, end = TABLE_MARKS
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{path} lacks the lines {begin} and {end}")
    path.write_text(f"{before}{begin}\n{table(results)}\n{end}{after}")


if __name__ == "__main__":
    main()
