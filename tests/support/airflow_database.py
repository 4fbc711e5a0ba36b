"""One migrated SQLite database for the whole test run: every test that needs one copies it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

_FILE = "airflow.db"


def copy_migrated_database(airflow_home: Path) -> Path:
    """Put a migrated database into a new AIRFLOW_HOME, and return its path.

    The first caller migrates a template; the others, also in other processes, wait for it.
    """
    template = _template_folder()
    template.mkdir(parents=True, exist_ok=True)
    with (template / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / "migrated").exists():
            _migrate(template)
            (template / "migrated").touch()
    return Path(shutil.copy(template / _FILE, airflow_home / _FILE))


def _template_folder() -> Path:
    """Return the template's folder: one for each environment, kept between test runs."""
    key = f"{sys.executable} {version('apache-airflow')}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Path(__file__).parents[2] / ".build" / f"migrated-airflow-{digest}"


def _migrate(home: Path) -> None:
    (home / _FILE).unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    result = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        cwd=home,  # Python would import this project from its folder
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
