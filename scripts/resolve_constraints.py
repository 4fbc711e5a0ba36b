"""Writes the constraints files of older versions of Airflow, with what was newest when they were released.

Newer dependencies can break an Airflow that nobody maintains any more. Run by ``make constraints-matrix``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
COMMON_COMPAT = "apache-airflow-providers-common-compat"

# Airflow, its newest patch, and a day soon after that patch's release.
RELEASES = {
    "2.11": ("2.11.2", "2026-03-20"),
    "3.0": ("3.0.6", "2025-09-01"),
    "3.1": ("3.1.8", "2026-03-20"),
    "3.2": ("3.2.2", "2026-06-05"),
}
# Newer than 3.0.6 is the oldest common-compat that this provider runs with.
LATER = {"3.0": {COMMON_COMPAT: "2026-01-20"}}


def main() -> None:
    """Resolve each version."""
    for version, (patch, day) in RELEASES.items():
        later = [f"--exclude-newer-package={name}={date}" for name, date in LATER.get(version, {}).items()]
        output = PROJECT_DIR / "constraints" / f"airflow-{version}.txt"
        command = [
            *(str(PROJECT_DIR / ".venv" / "bin" / "uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
            *("--python-version", "3.11", "--exclude-newer", day, *later, "--upgrade"),
            *("--extra", "simulator", "--group", "test", "pyproject.toml", "-", "--output-file", str(output)),
        ]
        subprocess.run(command, cwd=PROJECT_DIR, input=f"apache-airflow=={patch}\n", text=True, check=True)
        print(f"{output.relative_to(PROJECT_DIR)}: Airflow {patch}, dependencies as of {day}")


if __name__ == "__main__":
    main()
