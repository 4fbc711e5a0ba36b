"""The files and the metadata of the wheel."""

from __future__ import annotations

import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parent.parent.parent
PACKAGE = "airflow_provider_signalwire"


@pytest.fixture(scope="module")
def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def test_wheel_contains_only_package_and_example_dags(files: set[str]) -> None:
    package = {
        str(path.relative_to(PROJECT_DIR))
        for path in (PROJECT_DIR / PACKAGE).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    examples = {f"{PACKAGE}/example_dags/{path.name}" for path in (PROJECT_DIR / "example_dags").glob("*.py")}

    assert f"{PACKAGE}/py.typed" in package
    assert {name for name in files if ".dist-info/" not in name} == package | examples


def test_metadata_has_what_a_package_index_shows(metadata: Message) -> None:
    assert metadata["Name"] == "airflow-provider-signalwire"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    labels = {url.split(",")[0] for url in metadata.get_all("Project-URL", [])}
    assert labels == {"Documentation", "Source", "Changelog", "Issues"}
    classifiers = set(metadata.get_all("Classifier", []))
    assert {
        "Framework :: Apache Airflow :: Provider",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    } <= classifiers


def test_metadata_requires_imported_packages(metadata: Message) -> None:
    requirements = {line.split(";")[0].strip().split(">=")[0] for line in metadata.get_all("Requires-Dist", [])}

    assert requirements == {
        "apache-airflow",
        "apache-airflow-providers-common-compat",
        "requests",
        "tenacity",
        "aiohttp",
        "pydantic",
        "uvicorn",
    }
    assert metadata.get_all("Provides-Extra") == ["simulator"]
