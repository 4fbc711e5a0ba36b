"""Fixtures that build the wheel and install it into a new environment with Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING_TESTS = Path(__file__).resolve().parent
PROJECT_DIR = PACKAGING_TESTS.parent.parent
CONSTRAINTS = PROJECT_DIR / "constraints" / "airflow-3.3.txt"


def uv(*arguments: str | Path) -> None:
    command = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert command is not None, "uv is not installed"
    # uv must not change the environment that runs the tests.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([command, *map(str, arguments), "--quiet"], cwd=PROJECT_DIR, env=environment, check=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--python", sys.executable, "--out-dir", folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with Airflow and the wheel."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    python = environment / "bin" / "python"
    uv("venv", "--python", sys.executable, environment)
    uv("pip", "install", "--python", python, "--constraint", CONSTRAINTS, wheel)
    return python


@pytest.fixture(scope="session")
def installed_package(installed_python: Path) -> Path:
    """The folder of the installed package."""
    code = "import airflow_provider_signalwire; print(airflow_provider_signalwire.__path__[0])"
    folder = subprocess.check_output([str(installed_python), "-c", code], cwd=installed_python.parent, text=True)
    assert PROJECT_DIR not in Path(folder).parents
    return Path(folder.strip())
