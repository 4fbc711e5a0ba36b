"""Run benchmarks: ``python -m benchmarks [figure …]``. Without names, run all.

``--report`` only writes the report, the chart and the figures in the docs from the stored samples.
"""

from __future__ import annotations

import argparse
import os
import time

from benchmarks.figures import FIGURES
from benchmarks.report import write_report
from benchmarks.results import BUILD_DIR, save


def main() -> None:
    """Run the benchmarks and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="figure", help=", ".join(FIGURES))
    parser.add_argument("--report", action="store_true", help="only write the report")
    options = parser.parse_args()
    if unknown := set(options.figures) - set(FIGURES):
        parser.error(f"unknown figures: {', '.join(sorted(unknown))}")
    os.environ |= {
        "AIRFLOW_HOME": str(BUILD_DIR / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    for name in [] if options.report else options.figures or FIGURES:
        print(f"==> {name}", flush=True)
        started = time.monotonic()
        save(name, FIGURES[name].modules, FIGURES[name].measure())
        write_report()
        print(f"    {time.monotonic() - started:.0f} s", flush=True)
    write_report()


if __name__ == "__main__":
    main()
