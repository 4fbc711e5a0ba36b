"""Every fault in every scenario: the task ends as the model says, and shows no secret."""

from __future__ import annotations

import os

import pytest
from fault_list import FAULTS
from fault_model import expected
from fault_page import PAGE, page
from fault_scenarios import CASES, SCENARIOS
from fault_secrets import BASIC, secrets_in


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_ends_as_expected_in_every_scenario(fault, runner, capfd):
    runs = {case: runner.run(case) for case in CASES if case.fault == fault}

    wrong = {str(case): (run.outcome, run.error) for case, run in runs.items() if run.outcome != expected(case)}
    assert wrong == {}
    assert secrets_in("".join([*(run.output for run in runs.values()), *capfd.readouterr()])) == set()
    assert [str(case) for case, run in runs.items() if run.called_elsewhere] == []
    for case, run in runs.items():
        if case.scenario.name == "start" and run.outcome.error and run.outcome.running:
            assert "may be running" in run.error, case


def test_matrix_is_complete():
    assert len(CASES) == len(set(CASES)) >= 400


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario_is_interrupted_as_its_name_says_and_leaves_output_to_search(scenario, runner):
    interruptions = {
        "stop, deferred": ("deferred",),
        "sensor, deferrable": ("deferred",),
        "sensor, reschedule": ("rescheduled",),
    }
    [case] = [case for case in CASES if (case.fault.name, case.scenario, case.position) == ("500", scenario, "first")]
    run = runner.run(case)
    assert run.interruptions == interruptions.get(scenario.name, ())
    assert any(sid in run.output for sid in run.known)


def test_log_of_servers_shows_no_secret(runner, log):
    assert secrets_in(log.rest()) == set()


def test_login_in_output_is_found():
    assert secrets_in(f"Could not send 'Authorization: Basic {BASIC}'.") == {"token"}


def test_page_says_what_the_run_has_shown(runner):
    if not set(CASES) <= set(runner.runs):
        pytest.skip("the page is about the whole matrix, and only a part of it was run")
    outcomes = {case: runner.runs[case].outcome for case in CASES}
    if "FAULT_MATRIX_WRITE" in os.environ:
        assert outcomes == {case: expected(case) for case in CASES}, "a page about wrong outcomes is not written"
        PAGE.write_text(page(outcomes), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(outcomes), "make fault-matrix rewrites it"


def test_page_differs_if_an_outcome_does():
    outcomes = {case: expected(case) for case in CASES}
    case = next(case for case in CASES if str(case) == "500-stop-always")
    assert page(outcomes) != page({**outcomes, case: expected(CASES[0])})
