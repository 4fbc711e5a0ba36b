"""The benchmarks as a command: ``python -m benchmarks [figure …]``; without names, all of them.

Each figure is measured in a new process and stored; the report is written from what is stored.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time

from benchmarks.results import BUILD_DIR, Figure, now, save

# In the order of the report. The simulator's own limit comes first: the rest has to be read against it.
FIGURES = ("ceiling", "stop_many", "stop_faulty", "scaling", "one_stop", "sensors", "imports")


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], metavar="figure", help=", ".join(FIGURES))
    parser.add_argument("--here", metavar="figure", choices=FIGURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        _measure(options.here)
        return
    failed = [name for name in options.figures or FIGURES if not _measure_apart(name)]
    from benchmarks.report import write_report

    write_report(FIGURES)
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}")


def _measure_apart(name: str) -> bool:
    """Measure a figure in a fresh process, with an Airflow home of the benchmarks' own."""
    print(f"==> {name} (load average {os.getloadavg()[0]:.1f})", flush=True)
    started = time.monotonic()
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(BUILD_DIR / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONPYCACHEPREFIX": str(BUILD_DIR / "pycache"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a worker keeps bytecode between starts
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--here", name]
    code = subprocess.run(command, env=environment, check=False).returncode  # the command is ours
    print(f"    {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


def _measure(name: str) -> None:
    """Measure a figure and store it."""
    measured_at, load_before = now(), os.getloadavg()[0]
    figure: Figure = importlib.import_module(f"benchmarks.{name}").measure()
    figure.measured_at, figure.loads = measured_at, (load_before, os.getloadavg()[0])
    save(name, figure)
    for row in figure.rows:
        print(f"    {row.what}: {row.ours} | {row.peer} | {row.ratio} | {row.target} {_word(row.met)}")


def _word(met: bool | None) -> str:
    return "" if met is None else "(met)" if met else "(MISSED)"


if __name__ == "__main__":
    main()
