"""The compatibility page shows the stored results, which are up to date."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def scripts(monkeypatch):
    """Return a function that imports a module of the folder scripts."""
    monkeypatch.syspath_prepend(SCRIPTS)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_page_shows_the_stored_results(scripts):
    results = scripts("matrix_results")
    rows = [(row.airflow, row.python) for row in scripts("test_matrix").ROWS]
    assert results.PAGE.read_text() == results.page(rows, results.load()), "run make test-matrix"


def test_results_are_up_to_date(scripts):
    stored, current = scripts("matrix_results").load(), scripts("code_hash").code_hash()
    outdated = sorted(row for row, result in stored.items() if result["code"] != current)
    assert outdated == [], f"run make test-matrix VERSIONS='{' '.join(outdated)}'"


def test_stored_results_have_no_failures(scripts):
    summaries = {row: result["summary"] for row, result in scripts("matrix_results").load().items()}
    assert {row: summary for row, summary in summaries.items() if "failed" in summary or "error" in summary} == {}


@pytest.mark.parametrize(
    ("output", "summary"),
    [
        ("..\n3 passed, 1 warning in 2.10s\n", "3 passed"),
        (
            "..\n2 failed, 3 passed, 1 skipped, 66 warnings, 1 error in 274.38s (0:04:34)\n",
            "2 failed, 3 passed, 1 skipped, 1 error",
        ),
        (
            "==== 3 passed in 2.10s ====\n/site-packages/airflow/base.py:22 RemovedInAirflow3Warning: Timers\n",
            "3 passed",
        ),
        ("Traceback (most recent call last):\nImportError: no module\n", "pytest printed no summary"),
    ],
)
def test_summary_has_the_counts_without_warnings(scripts, output, summary):
    assert scripts("test_matrix").summary_of(output) == summary


def test_hash_of_code_ignores_comments_and_docstrings(scripts, tmp_path, monkeypatch):
    module = scripts("code_hash")
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    source = tmp_path / "module.py"

    def hash_of(text):
        source.write_text(text)
        return module.code_hash()

    code = hash_of("def f():\n    return 1\n")
    assert (
        hash_of('"""Module."""\n\n# Why.\ndef f():\n    """Return 1.\n\n    Always.\n    """\n    return 1\n') == code
    )
    assert hash_of("def f():\n    return 2\n") != code
    assert hash_of('def f():\n    return """1"""\n') != code
