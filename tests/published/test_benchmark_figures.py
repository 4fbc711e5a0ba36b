"""Every performance figure comes from benchmarks/results.json, which is not older than the code it measures."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT_DIR))

from benchmarks.figures import FIGURES  # noqa: E402  # the benchmarks lie beside the tests, not on the path
from benchmarks.report import outputs  # noqa: E402  # as above
from benchmarks.results import load  # noqa: E402  # as above
from benchmarks.targets import TARGETS  # noqa: E402  # as above
from scripts.code_hash import code_hash  # noqa: E402  # as above

PAGES = [PROJECT_DIR / "README.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]

# What somebody would type by hand: a speed, a factor, a time for so many stops.
TYPED = re.compile(
    r"\d[\d.,]* ?(\u00d7|times (faster|slower|as|less|more))|\d[\d.,]* (stops?|streams?|requests?) (a|per) second"
    r"|\d[\d.,]* (stops|streams) (take|took) \d|\d[\d.,]* (MB|ms) (of|more|less) (memory|CPU)",
    re.IGNORECASE,
)
GENERATED = re.compile(r"<!-- figures -->\n.*?<!-- end of figures -->", re.DOTALL)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_not_older_than_its_code(name: str) -> None:
    figures = load()
    if name not in figures:
        pytest.skip("not measured; the report says so")
    assert figures[name]["code"] == code_hash(*FIGURES[name].modules), f"run make bench FIGURES={name}"


def test_report_chart_and_docs_show_the_stored_samples() -> None:
    for path, text in outputs(load()).items():
        assert path.read_text() == text, f"{path.name}: run python -m benchmarks --report"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_figure_typed_by_hand(page: Path) -> None:
    assert [found[0] for found in TYPED.finditer(GENERATED.sub("", page.read_text()))] == []


def test_every_figure_has_a_target_and_pairs_of_at_least_five() -> None:
    assert {target.figure for target in TARGETS} == set(FIGURES)
    for name, figure in load().items():
        assert name in FIGURES
        runs = {len(samples) for samples in figure["samples"].values()}
        assert runs == {1} if name == "memory" else min(runs) >= 5 and len(runs) == 1
