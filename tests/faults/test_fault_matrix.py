"""Every fault, by every way to meet it, at every position: the task ends as the model says, and shows no secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fault_courses import CELLS, WAYS
from fault_model import expected
from fault_page import page
from fault_secrets import FORMS, secrets_in

PAGE = Path(__file__).parents[2] / "docs" / "reliability" / "fault-matrix.md"


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_ends_as_it_should(cell, player, capfd):
    play = player.play(cell)

    assert play.outcome == expected(cell), play.error
    assert secrets_in(play.told + "".join(capfd.readouterr())) == []
    assert not play.called_elsewhere
    if cell.way.name == "start" and play.outcome.error and play.outcome.running:
        assert "may be running" in play.error


def test_the_matrix_is_whole():
    assert len(CELLS) == len(set(CELLS)) >= 400


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_way_is_what_it_is_called_and_leaves_a_log_to_search(way, player):
    leaving = {
        "stop, deferred": ("deferred",),
        "sensor, deferrable": ("deferred",),
        "sensor, reschedule": ("rescheduled",),
    }
    [cell] = [cell for cell in CELLS if (cell.fault.name, cell.way, cell.position) == ("500", way, "first")]
    play = player.play(cell)
    assert play.left == leaving.get(way.name, ())
    assert any(sid in play.told for sid in play.known)


def test_the_servers_log_shows_no_secret(player, log):
    assert secrets_in(log.rest()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_would_be_found(form):
    assert form in secrets_in(f"Tried to {FORMS[form]}.")


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
