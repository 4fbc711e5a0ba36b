"""The table of the compatibility page shows the counts of pytest, wherever its output has them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test_matrix.py"


@pytest.fixture(scope="module")
def matrix():
    spec = importlib.util.spec_from_file_location("test_matrix", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there for their annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


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
        ("Traceback (most recent call last):\nImportError: no module\n", "pytest did not end"),
    ],
)
def test_summary_has_the_counts_without_warnings(matrix, output, summary):
    assert matrix.summary_of(output) == summary
