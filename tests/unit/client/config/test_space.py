"""Every accepted spelling of a Space gives the same origin; anything else is refused."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.config.space import space_origin
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ACME = "https://acme.signalwire.com"


@pytest.mark.parametrize(
    "host",
    [
        *("acme", " acme ", "acme/", "ACME.SignalWire.com", "acme.signalwire.com", "acme.signalwire.com:443"),
        *("https://acme", "https://acme.signalwire.com:443/", "HTTPS://acme.signalwire.com"),
    ],
)
@pytest.mark.parametrize(("schema", "port"), [(None, None), ("", 0), (" HTTPS ", 443)])
def test_every_spelling_of_a_space_gives_its_origin(host, schema, port):
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
def test_scheme_and_port_are_part_of_the_host_or_in_their_fields(fields, origin):
    assert space_origin(**fields) == origin


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": None}, r"Space \(host\) is empty: expected a Space such as 'acme'"),
        *(({"host": host}, "is empty") for host in ("", "  ")),
        *(({"host": host}, "not a host name") for host in ("https://", "acme_1", "-acme", "acme-.example.com")),
        *(({"host": host}, "not a host name") for host in ("äcme", "acme\u017f", "\u0131acme")),
        *(({"host": host}, "not a host name") for host in ("a..example.com", "a" * 64, "::1", "[::1", "[nonsense]")),
        ({"host": ".".join(["abcdefgh"] * 29)}, "not a host name"),
        ({"host": "acme corp"}, "is 'acme corp', not a host name"),
        *(
            ({"host": host}, "must be a host name without a path: expected")
            for host in ("https://acme/secret", "acme/?token=secret", "acme#secret")
        ),
        *(
            ({"host": host}, "contains a login: enter the Project ID")
            for host in ("user:secret@acme", "https://user:secret@acme.signalwire.com", "secret@acme")
        ),
        *(({"host": host}, "has a port that is not a number") for host in ("acme:port", "acme:99999")),
        ({"host": "acme:0"}, "Port is 0: expected 1 to 65535"),
        ({"host": "acme", "port": 65536}, "Port is 65536: expected 1 to 65535"),
        ({"host": "acme", "port": -1}, "Port is -1"),
        ({"host": "ftp://acme"}, "scheme is 'ftp': expected 'https'"),
        ({"host": "acme", "schema": "wss"}, "scheme is 'wss'"),
        ({"host": "https://acme", "schema": "http"}, "has the scheme 'https', its field Schema has 'http'"),
        ({"host": "http://127.0.0.1", "schema": "https"}, "conflicts"),
        ({"host": "acme:8443", "port": 443}, "has the port 8443, its field Port has 443"),
        ({"host": "http://acme"}, "plain http for 'acme.signalwire.com', which would send the API token unencrypted"),
        ({"host": "acme.example.com", "schema": "http"}, "plain http"),
        *(({"host": f"http://{host}"}, "plain http") for host in ("192.0.2.1", "127.0.0.1.example.com", "0.0.0.0")),
    ],
)
def test_invalid_space_is_refused_without_showing_a_secret(fields, words):
    with pytest.raises(SignalWireConfigurationError, match=words) as caught:
        space_origin(**fields)
    assert str(caught.value).startswith("The connection")
    assert "secret" not in str(caught.value)
