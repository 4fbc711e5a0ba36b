"""The Test button: whether the connection works, and if not, why."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.simulator.server import SimulatorServer

LISTS_CALLS = {"method": "GET", "path_contains": "/Calls"}


def test_working_connection_names_the_project(simulator, connection):
    works, message = SignalWireHook().test_connection()

    assert works is True
    assert simulator.url in message
    assert "Simulated project" in message


def test_project_is_that_of_the_hook(make_subproject):
    server, subproject, connection = make_subproject
    assert SignalWireHook(connection, account_sid=subproject).test_connection()[0] is True
    assert {request["path"].split("/")[5] for request in server.requests()} == {subproject}


@pytest.mark.parametrize(("scope", "works", "missing"), [("Voice", True, "Management"), ("Management", False, "Voice")])
def test_token_needs_the_scope_voice(make_connection, scope, works, missing):
    with SimulatorServer(scopes=(scope,)) as server:
        make_connection(host=server.url)
        has_worked, message = SignalWireHook().test_connection()
    assert has_worked is works
    assert missing in message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "PT-wrong"}, ["refused the login: SignalWire returned 401 Unauthorized", "API token"]),
        ({"host": "http://127.0.0.1:1"}, ["could not connect"]),
        ({"host": "https://no-such-space.invalid"}, ["no-such-space.invalid"]),
        ({"password": ""}, ["API token (password)"]),
    ],
)
def test_mistake_has_its_own_message(make_connection, fields, words):
    make_connection(**fields)
    works, message = SignalWireHook().test_connection()
    assert works is False
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("status", [429, 503])
def test_max_attempts_is_ignored(simulator, make_connection, status):
    make_connection(extra={"max_attempts": 5})
    simulator.set_faults([{"match": LISTS_CALLS, "times": None, "kind": "status", "status": status}])

    assert SignalWireHook().test_connection()[0] is False
    assert len(simulator.requests()) == 1
