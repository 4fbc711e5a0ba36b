"""Every guide opens with code that works in a DAG file as it is, and is listed."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from packaging.version import Version

AIRFLOW = Version(version("apache-airflow"))

PROJECT_DIR = Path(__file__).parents[2]
GUIDES = sorted((PROJECT_DIR / "docs" / "guides").glob("*.md"))
OPENING = re.compile(r"# [^\n]+\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = {"airflow.sdk": "3.0", "Asset(": "3.2", "retry_policy": "3.3"}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guide_opens_with_code_that_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = OPENING.match(page.read_text())
    assert opening, "the first thing after the title is a block of Python"
    for part, needed in NEEDED.items():
        if part in opening[1] and Version(needed) > AIRFLOW:
            pytest.skip(f"{part} needs Airflow {needed}")
    monkeypatch.delenv("AIRFLOW_CONN_SIGNALWIRE_DEFAULT", raising=False)
    namespace: dict[str, Any] = {}

    with DAG("guide", schedule=None) as dag:
        exec(compile(opening[1], page.name, "exec"), namespace)

    assert dag.tasks or page.stem in ("errors", "testing")  # their code belongs in a function and a test


@pytest.mark.parametrize("listing", ["llms.txt", "docs/index.md"])
def test_listing_has_every_guide(listing: str) -> None:
    text = (PROJECT_DIR / listing).read_text()
    assert [page.name for page in GUIDES if f"guides/{page.name}" not in text] == []
