"""Testing a connection: success names the project, and each failure says what is wrong."""

from __future__ import annotations

import dataclasses

import pytest
from scripted import SETTINGS, lost, response, run

from airflow_provider_signalwire.client.flows.check_connection import check_connection

PAGE = response(200, {"calls": []})
PROJECT = response(200, {"sid": "project", "status": "active", "friendly_name": "Sales"})
ORIGIN = "https://acme.signalwire.com"


def check(*script):
    outcome = run(check_connection("project", ORIGIN), *script, settings=dataclasses.replace(SETTINGS, max_attempts=1))
    assert {request.method for request in outcome.requests} == {"GET"}
    return outcome.result


def test_success_names_the_project():
    assert check(PAGE, PROJECT) == (True, f"Connected to {ORIGIN}, project 'Sales'.")


def test_project_without_a_name_is_named_by_its_id():
    nameless = response(200, {"sid": "project", "status": "active"})
    assert check(PAGE, nameless) == (True, f"Connected to {ORIGIN}, project 'project'.")


@pytest.mark.parametrize("second", [response(401), response(500), lost()])
def test_scope_voice_is_enough(second):
    works, message = check(PAGE, second)
    assert works
    assert "the token may use calls" in message
    assert "needs the scope Management, which this provider does not need otherwise" in message


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (response(401), f"{ORIGIN} refused the login: SignalWire returned 401 Unauthorized."),
        (response(404), f"There is no SignalWire Space at {ORIGIN}. Check the connection's Space."),
        (response(302), "is a redirect, which is never followed"),
        (lost(), "broke before the response was complete"),
    ],
)
def test_failure_says_what_is_wrong(first, words):
    works, message = check(first)
    assert not works
    assert words in message
