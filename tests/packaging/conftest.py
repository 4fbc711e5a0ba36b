"""Fixtures that build the wheel and install it into a new environment with Airflow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from environments import PROJECT_DIR, build, make_environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    (wheel,) = (file for file in build(PROJECT_DIR, tmp_path_factory.mktemp("dist")) if file.suffix == ".whl")
    return wheel


@pytest.fixture(scope="session")
def installed_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with Airflow and the wheel."""
    return make_environment(tmp_path_factory.mktemp("installed") / "venv", wheel)


@pytest.fixture(scope="session")
def installed_package(installed_python: Path) -> Path:
    """The folder of the installed package."""
    code = "import airflow_provider_signalwire; print(airflow_provider_signalwire.__path__[0])"
    folder = subprocess.check_output([str(installed_python), "-c", code], cwd=installed_python.parent, text=True)
    assert PROJECT_DIR not in Path(folder).parents
    return Path(folder.strip())
