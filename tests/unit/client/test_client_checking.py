"""Testing a connection: what works is said by name, and each thing that is wrong in its own words."""

from __future__ import annotations

import socket

import pytest
import trustme

from airflow_provider_signalwire.client.flows.check_connection import check_connection
from airflow_provider_signalwire.simulator.server import SimulatorServer


@pytest.fixture
def check(run, settings):
    def check(*, account_sid=settings.project_id, origin=settings.origin, **changes):
        return run(check_connection(account_sid, origin), origin=origin, max_attempts=1, **changes)

    return check


@pytest.fixture(scope="module")
def voice_only():
    with SimulatorServer(scopes=("Voice",)) as server:
        yield server


def test_success_names_the_project(check, simulator):
    name = simulator.state.account(simulator.project)["friendly_name"]
    assert check() == (True, f"Connected to {simulator.url}, project {name!r}.")


def test_a_token_for_calls_only_is_enough(check, voice_only):
    works, message = check(origin=voice_only.url)
    assert works
    assert "the token may use calls" in message
    assert "the scope Management, which this provider does not need" in message


def test_a_token_without_the_scope_voice_is_refused(check):
    with SimulatorServer(scopes=("Management",)) as server:
        works, message = check(origin=server.url)
    assert not works
    assert "does not have the scope Voice" in message


def test_a_project_without_a_name_is_named_by_its_id(check, simulator):
    simulator.set_faults([{"kind": "patch", "drop": ["friendly_name"], "skip": 1}])
    assert check() == (True, f"Connected to {simulator.url}, project '{simulator.project}'.")


def test_calls_are_what_is_looked_at_first(check, simulator):
    check()
    assert [(request["path"].rsplit("/")[-1], request["query"]) for request in simulator.requests()] == [
        ("Calls", "PageSize=1"),
        (simulator.project, ""),
    ]


def test_each_failure_has_words_of_its_own(check, simulator, refused_origin, stub, tmp_path, monkeypatch):
    messages = {}
    messages["refused the login. "] = check(api_token="another")
    stub.answer = (404, {}, b"")
    messages["There is no SignalWire Space at http://127.0.0.1"] = check(origin=stub.origin)
    messages["could not connect to"] = check(origin=refused_origin)
    stub.answer = (200, {}, b"<html>Welcome</html>")
    messages["is not valid JSON but HTML"] = check(origin=stub.origin)
    simulator.set_faults([{"kind": "status", "status": 503}])
    messages["SignalWire answered 503"] = check()
    simulator.set_faults([{"kind": "hang"}])
    messages["no complete answer"] = check(timeout=0.2)

    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(errno, "lookup failed")

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    errno = socket.EAI_NONAME
    messages["there is no host 'no-such-space.signalwire.com'"] = check(origin="https://no-such-space.signalwire.com")
    errno = socket.EAI_AGAIN
    messages["could not be looked up"] = check(origin="https://acme.signalwire.com")
    monkeypatch.setattr(socket, "getaddrinfo", real)

    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with SimulatorServer(ssl_certfile=str(tmp_path / "server.pem")) as server:
        messages["no trusted TLS connection"] = check(origin=server.url)

    for words, (works, message) in messages.items():
        assert not works, message
        assert [other for other in messages if other in message] == [words]
        assert simulator.token not in message
