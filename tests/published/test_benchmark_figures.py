"""All performance figures in the docs come from benchmarks/results.json, which is up to date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT_DIR))

from benchmarks.figures import FIGURES  # noqa: E402  # the benchmarks are not on the path
from benchmarks.report import outputs  # noqa: E402  # as above
from benchmarks.results import load  # noqa: E402  # as above
from benchmarks.targets import TARGETS  # noqa: E402  # as above
from scripts.code_hash import code_hash  # noqa: E402  # as above

PAGES = [PROJECT_DIR / "README.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]

# A speed, a factor, or the time for a number of stops.
MANUAL_FIGURE = re.compile(
    r"\d[\d.,]* ?(\u00d7|times (faster|slower|as|less|more))|\d[\d.,]* (stops?|streams?|requests?) (a|per) second"
    r"|\d[\d.,]* (stops|streams) (take|took) \d|\d[\d.,]* (MB|ms) (of|more|less) (memory|CPU)",
    re.IGNORECASE,
)
GENERATED = re.compile(r"<!-- figures -->\n.*?<!-- end of figures -->", re.DOTALL)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_up_to_date(name: str) -> None:
    figures = load()
    if name not in figures:
        pytest.skip("not measured, as the report says")
    assert figures[name]["code"] == code_hash(*FIGURES[name].modules), f"run make bench FIGURES={name}"


def test_report_chart_and_docs_show_the_stored_samples() -> None:
    for path, text in outputs(load()).items():
        assert path.read_text() == text, f"{path.name}: run python -m benchmarks --report"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_manual_figure(page: Path) -> None:
    assert [match[0] for match in MANUAL_FIGURE.finditer(GENERATED.sub("", page.read_text()))] == []


def test_every_figure_has_a_target_and_at_least_five_runs() -> None:
    assert {target.figure for target in TARGETS} == set(FIGURES)
    for name, figure in load().items():
        assert name in FIGURES
        runs = {len(samples) for samples in figure["samples"].values()}
        assert runs == {1} if name == "memory" else min(runs) >= 5 and len(runs) == 1
