"""Every accepted spelling of a Space means the same origin; whatever else stands in Host is refused."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.config.space import is_loopback, space_origin
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ACME = "https://acme.signalwire.com"


@pytest.mark.parametrize(
    "host",
    [
        "acme",
        " acme ",
        "acme/",
        "ACME.SignalWire.com",
        "acme.signalwire.com",
        "acme.signalwire.com/",
        "acme.signalwire.com:443",
        "https://acme",
        "https://acme.signalwire.com",
        "https://acme.signalwire.com/",
        "https://acme.signalwire.com:443/",
        "HTTPS://acme.signalwire.com",
    ],
)
@pytest.mark.parametrize("schema", [None, "", "https", " HTTPS "])
@pytest.mark.parametrize("port", [None, 0, 443])
def test_spellings_of_one_space(host, schema, port):
    assert space_origin(host=host, schema=schema, port=port) == ACME


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ({"host": "http://127.0.0.1:8787"}, "http://127.0.0.1:8787"),
        ({"host": "127.0.0.1:8787", "schema": "http"}, "http://127.0.0.1:8787"),
        ({"host": "127.0.0.1", "schema": "http", "port": 8787}, "http://127.0.0.1:8787"),
        ({"host": "http://127.0.0.1", "port": 8787}, "http://127.0.0.1:8787"),
        ({"host": "http://127.0.0.1:8787/", "schema": "http", "port": 8787}, "http://127.0.0.1:8787"),
        ({"host": "http://127.1.2.3:80"}, "http://127.1.2.3"),
        ({"host": "http://localhost", "port": 443}, "http://localhost:443"),
        ({"host": "LOCALHOST", "schema": "http"}, "http://localhost"),
        ({"host": "localhost"}, "https://localhost"),
        ({"host": "http://[::1]:8787"}, "http://[::1]:8787"),
        ({"host": "[::1]", "schema": "http", "port": 8787}, "http://[::1]:8787"),
        ({"host": "http://[0:0:0:0:0:0:0:1]"}, "http://[::1]"),
        ({"host": "acme.example.com", "port": 8443}, "https://acme.example.com:8443"),
        ({"host": "acme", "port": 80}, "https://acme.signalwire.com:80"),
        ({"host": "192.0.2.1"}, "https://192.0.2.1"),
        ({"host": "a-b.xn--nxasmq6b"}, "https://a-b.xn--nxasmq6b"),
    ],
)
def test_scheme_and_port_stand_in_the_host_or_in_their_fields(fields, origin):
    assert space_origin(**fields) == origin


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": None}, r"Host \(Space\) is empty: expected a Space such as 'acme'"),
        ({"host": ""}, "is empty"),
        ({"host": "  "}, "is empty"),
        ({"host": "https://"}, "no host name"),
        ({"host": "acme corp"}, "is 'acme corp', no host name"),
        ({"host": "acme_1"}, "no host name"),
        ({"host": "-acme"}, "no host name"),
        ({"host": "acme-.example.com"}, "no host name"),
        ({"host": "acme..example.com"}, "no host name"),
        ({"host": "äcme"}, "no host name"),
        ({"host": "a" * 64}, "no host name"),
        ({"host": ".".join(["abcdefgh"] * 29)}, "no host name"),
        ({"host": "::1"}, "no host name"),
        ({"host": "[::1"}, "is no host name"),
        ({"host": "[nonsense]"}, "is no host name"),
        ({"host": "acme/api"}, "has something after the host name 'acme'"),
        ({"host": "https://acme.signalwire.com/api/laml"}, "has something after the host name"),
        ({"host": "acme?x=1"}, "has something after the host name"),
        ({"host": "acme#x"}, "has something after the host name"),
        ({"host": "acme:port"}, "has a port that is no number"),
        ({"host": "acme:99999"}, "has a port that is no number"),
        ({"host": "acme:0"}, "Port is 0: expected 1 to 65535"),
        ({"host": "acme", "port": 65536}, "Port is 65536: expected 1 to 65535"),
        ({"host": "acme", "port": -1}, "Port is -1"),
        ({"host": "ftp://acme"}, "scheme is 'ftp': expected 'https'"),
        ({"host": "acme", "schema": "wss"}, "scheme is 'wss'"),
        ({"host": "https://acme", "schema": "http"}, "Host says scheme 'https', its scheme field says 'http'"),
        ({"host": "http://127.0.0.1", "schema": "https"}, "contradicts itself"),
        ({"host": "acme:8443", "port": 443}, "Host says port 8443, its port field says 443"),
        ({"host": "http://acme"}, "plain http to 'acme.signalwire.com', which would send the API token unencrypted"),
        ({"host": "acme.example.com", "schema": "http"}, "plain http"),
        ({"host": "http://192.0.2.1"}, "plain http"),
        ({"host": "http://localhost.example.com"}, "plain http"),
        ({"host": "http://127.0.0.1.example.com"}, "plain http"),
        ({"host": "http://0.0.0.0"}, "plain http"),
    ],
)
def test_what_is_no_space_is_refused(fields, words):
    with pytest.raises(SignalWireConfigurationError, match=words) as caught:
        space_origin(**fields)
    assert str(caught.value).startswith("The connection")


@pytest.mark.parametrize("host", ["user:secret@acme", "https://user:secret@acme.signalwire.com", "secret@acme"])
def test_a_login_in_the_host_is_refused_and_not_repeated(host):
    with pytest.raises(SignalWireConfigurationError, match="put the Project ID into Login") as caught:
        space_origin(host=host)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["acme/?token=secret", "https://acme/secret", "acme#secret"])
def test_what_follows_the_host_is_not_repeated(host):
    with pytest.raises(SignalWireConfigurationError) as caught:
        space_origin(host=host)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "answer"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("", False)],
)
def test_which_hosts_are_loopback(host, answer):
    assert is_loopback(host) is answer
