"""A proxy is used when the connection or the environment names one, and never on the way to this machine."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.stop import just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireConnectionError

STOP = endpoints.stop_call_stream("project", "call", "stream")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def proxy_to(host, extra=None, schema=None):
    settings = ClientSettings.from_connection_fields(
        host=host, login="project", password="token", extra=extra, schema=schema
    )
    return settings.proxy


def test_without_any_there_is_none():
    assert proxy_to("acme") is None


def test_the_environments_proxy_is_used(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy.example.com:3128")
    assert proxy_to("acme") == "http://user:password@proxy.example.com:3128"


def test_the_connections_proxy_comes_first(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    extra = {"proxy": "http://connection.example.com:3128"}
    assert proxy_to("acme", extra) == proxy_to("localhost", extra) == "http://connection.example.com:3128"


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_proxy_leaves_it_to_the_environment(monkeypatch, value):
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example.com:3128")
    assert proxy_to("acme", {"proxy": value}) == "http://environment.example.com:3128"


@pytest.mark.parametrize("no_proxy", ["*", "signalwire.com", ".signalwire.com", "x.example.com,acme.signalwire.com"])
def test_the_environments_exceptions_are_heeded(monkeypatch, no_proxy):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_to("acme") is None
    assert proxy_to("acme:8443") is None


@pytest.mark.parametrize(("port", "proxied"), [(8443, False), (9443, True)])
def test_an_exception_may_name_a_port(monkeypatch, port, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "acme.signalwire.com:8443")
    assert (proxy_to(f"acme:{port}") is not None) is proxied


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("schema", ["http", "https"])
def test_the_way_to_this_machine_needs_no_proxy(monkeypatch, host, schema):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    assert proxy_to(host, schema=schema) is None


def test_an_environment_proxy_without_a_scheme_is_one_over_http(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.com:3128")
    assert proxy_to("acme") == "http://proxy.example.com:3128"


def test_an_environment_proxy_that_cannot_be_used_is_named_and_not_repeated(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@proxy.example.com:1080")
    with pytest.raises(
        SignalWireConfigurationError, match="The environment's HTTPS_PROXY is no proxy address"
    ) as caught:
        proxy_to("acme")
    assert "secret" not in str(caught.value)


def test_the_environment_is_read_once(run, stub, monkeypatch):
    """What the settings say holds, whatever the environment says when a request is sent."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    run(just(STOP), origin=stub.origin)
    assert [request.target for request in stub.received] == [STOP.path]


def test_requests_go_through_the_proxy(run, stub):
    proxy = stub.origin.replace("//", "//user:p%40ss@")
    run(just(STOP), origin="http://acme.invalid", proxy=proxy)
    [request] = stub.received
    assert request.target == f"http://acme.invalid{STOP.path}"
    assert request.headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()


def test_a_proxy_that_refuses_the_tunnel_was_sent_no_request(run, stub, clock):
    stub.answer = (407, {}, b"")
    create = endpoints.create_call("project", to="+1", from_="+2", url="https://x.example")
    with pytest.raises(SignalWireConnectionError, match="and its proxy") as caught:
        run(just(create), origin="https://acme.invalid", proxy=stub.origin, max_attempts=2)
    assert not caught.value.request_was_sent
    assert [request.method for request in stub.received] == ["CONNECT", "CONNECT"]
    assert {request.headers.get("Authorization") for request in stub.received} == {None}


def test_a_proxy_that_is_not_there_was_sent_no_request(run, refused_origin, clock):
    proxy = refused_origin.replace("//", "//user:proxy-secret@")
    with pytest.raises(SignalWireConnectionError, match="and its proxy") as caught:
        run(just(STOP), origin="https://acme.invalid", proxy=proxy, max_attempts=2)
    assert caught.value.kind == "connect"
    assert "proxy-secret" not in str(caught.value)
