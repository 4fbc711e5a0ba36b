"""The Test button: whether the connection works, and if not, why."""

from __future__ import annotations

import socket

import pytest
import trustme

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.simulator.server import SimulatorServer

LISTS_CALLS = {"method": "GET", "path_contains": "/Calls"}


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def certificates(tmp_path):
    """Paths of a server's certificate, its key and its CA, which is not trusted by default."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return str(tmp_path / "server.pem"), str(tmp_path / "authority.pem")


@pytest.fixture
def tls_simulator(certificates):
    with SimulatorServer(ssl_certfile=certificates[0], ssl_keyfile=certificates[0]) as server:
        yield server


def test_working_connection_names_the_project(simulator, connection):
    works, message = SignalWireHook().test_connection()

    account = simulator.state.account(simulator.project)
    assert works is True
    assert simulator.url in message
    assert account["friendly_name"] in message


def test_token_with_scope_voice_works(make_connection):
    with SimulatorServer(scopes=("Voice",)) as server:
        make_connection(host=server.url)
        works, message = SignalWireHook().test_connection()

    assert works is True
    assert "Management" in message


def test_token_without_scope_voice_is_refused(make_connection):
    with SimulatorServer(scopes=("Management",)) as server:
        make_connection(host=server.url)
        works, message = SignalWireHook().test_connection()

    assert works is False
    assert "Voice" in message


def test_each_mistake_has_its_own_message(simulator, make_connection, tls_simulator, closed_port):
    messages = {}

    def try_it(mistake, **fields):
        make_connection(**fields)
        works, messages[mistake] = SignalWireHook().test_connection()
        assert works is False, mistake

    try_it("wrong token", password="PT-wrong")
    try_it("no network", host=f"http://127.0.0.1:{closed_port}")
    try_it("no such host", host="https://no-such-space.invalid")
    try_it("TLS failure", host=tls_simulator.url)
    try_it("empty token", password="")

    assert len(set(messages.values())) == len(messages)
    assert messages["wrong token"].startswith(
        f"{simulator.url} refused the login: SignalWire returned 401 Unauthorized"
    )
    assert "API token" in messages["wrong token"]
    assert "could not connect" in messages["no network"]
    assert "no-such-space.invalid" in messages["no such host"]
    assert "TLS" in messages["TLS failure"]
    assert "ca_bundle" in messages["TLS failure"]


def test_tls_works_with_the_right_ca_bundle(tls_simulator, certificates, make_connection):
    make_connection(host=tls_simulator.url, extra={"ca_bundle": certificates[1]})
    assert SignalWireHook().test_connection()[0] is True

    make_connection(host=tls_simulator.url, extra={"verify": False})
    assert SignalWireHook().test_connection()[0] is True


@pytest.mark.parametrize("status", [429, 503])
def test_max_attempts_is_ignored(simulator, make_connection, status):
    make_connection(extra={"max_attempts": 5})
    simulator.set_faults([{"match": LISTS_CALLS, "times": None, "kind": "status", "status": status}])

    assert SignalWireHook().test_connection()[0] is False
    assert len(simulator.requests()) == 1
