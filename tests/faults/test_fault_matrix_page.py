"""The page of the documentation says what the run has shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fault_courses import CELLS
from fault_model import expected
from fault_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reliability" / "fault-matrix.md"


def test_the_page_says_what_the_run_has_shown(player):
    if not set(CELLS) <= set(player.plays):
        pytest.skip("the page is about the whole matrix, and only a part of it was played")
    outcomes = {cell: player.plays[cell].outcome for cell in CELLS}
    if "FAULT_MATRIX_WRITE" in os.environ:
        assert outcomes == {cell: expected(cell) for cell in CELLS}, "a page about what is wrong is not written"
        PAGE.write_text(page(outcomes), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(outcomes), "make fault-matrix writes it anew"


def test_the_page_shows_how_a_task_ended():
    """What is compared is told apart on the page."""
    outcomes = {cell: expected(cell) for cell in CELLS}
    cell = next(cell for cell in CELLS if str(cell) == "500-stop-always")
    assert page(outcomes) != page({**outcomes, cell: expected(CELLS[0])})
