"""Write the constraints files for older versions of Airflow, for a pre-release, and for our lowest dependencies.

An older Airflow gets the dependencies of its release date, because newer ones can break it. Run by
``make constraints-matrix``; ``VERSIONS="3.4 lowest"`` for some.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
COMMON_COMPAT = "apache-airflow-providers-common-compat"

# The requirements of each version, and a day soon after its release.
RELEASES = {
    "2.11": (["apache-airflow==2.11.2"], "2026-03-20"),
    "3.0": (["apache-airflow==3.0.6"], "2025-09-01"),
    "3.1": (["apache-airflow==3.1.8"], "2026-03-20"),
    "3.2": (["apache-airflow==3.2.2"], "2026-06-05"),
    # uv installs pre-releases only of packages whose requirement names one.
    "3.4": (
        ["apache-airflow==3.4.0b2", "apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk>=1.4.0a0"],
        "2026-11-26",
    ),
}
LOWEST = "lowest"
# The release day of the oldest common-compat that this provider supports. Later releases of Airflow's other providers
# require a newer one.
LOWEST_DAY = "2026-01-20"
# Packages whose oldest supported release is newer than the Airflow release: common-compat for this provider, and the
# standard provider for an example DAG.
LATER = {
    "3.0": {COMMON_COMPAT: "2026-01-20"},
    "3.1": {"apache-airflow-providers-standard": "2026-05-20"},
}


def main() -> None:
    """Resolve the versions on the command line, or all."""
    for version in sys.argv[1:] or [*RELEASES, LOWEST]:
        if version == LOWEST:
            compile_constraints(version, declared_minimums(), LOWEST_DAY)
        else:
            compile_constraints(version, *RELEASES[version])


def compile_constraints(version: str, requirements: list[str], day: str) -> None:
    """Write the constraints file for a version, with the dependencies of a day."""
    later = [f"--exclude-newer-package={name}={date}" for name, date in LATER.get(version, {}).items()]
    output = PROJECT_DIR / "constraints" / f"airflow-{version}.txt"
    command = [
        *(str(PROJECT_DIR / ".venv" / "bin" / "uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
        *("--python-version", "3.11", "--exclude-newer", day, *later, "--upgrade"),
        *("--extra", "simulator", "--group", "test", "pyproject.toml", "-", "--output-file", str(output)),
    ]
    subprocess.run(command, cwd=PROJECT_DIR, input="\n".join(requirements), text=True, check=True)
    print(f"{output.relative_to(PROJECT_DIR)}: {', '.join(requirements)}, dependencies as of {day}")


def declared_minimums() -> list[str]:
    """Return the minimum versions in pyproject.toml as exact requirements."""
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["simulator"]]
    return [requirement.replace(">=", "==") for requirement in declared]


if __name__ == "__main__":
    main()
