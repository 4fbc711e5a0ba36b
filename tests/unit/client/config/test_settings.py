"""A connection's fields become settings, and no secret is ever shown."""

from __future__ import annotations

import base64
import pickle

import pytest

from airflow_provider_signalwire import __version__
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

TOKEN = "PT-secret/+ ü%"
PASSWORD = "p@ss/wörd"
PROXY = "http://user:p%40ss%2Fw%C3%B6rd@127.0.0.1:3128"


def connection(**fields):
    return ClientSettings.from_connection_fields(
        **{"host": "acme", "login": "project", "password": TOKEN, "extra": None, **fields}
    )


def test_fields_are_read():
    settings = connection(host="acme.example.com", port=8443, login=" project ", password=f"\n{TOKEN} ")
    assert settings.origin == "https://acme.example.com:8443"
    assert (settings.project_id, settings.api_token) == ("project", TOKEN)


def test_headers_name_the_login_in_utf_8_and_the_client():
    headers = connection().headers
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"project:{TOKEN}".encode()).decode()
    assert headers["User-Agent"] == f"airflow-provider-signalwire/{__version__}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"login": None}, r"Project ID \(login\) is empty"),
        ({"login": "  "}, r"Project ID \(login\) is empty"),
        ({"login": "PT-sec:b"}, r"Project ID \(login\), of 8 characters, has a colon: expected the ID"),
        ({"login": "PT-sec\nret"}, "of 10 characters, has a control character"),
        ({"password": None}, r"API token \(password\) is empty"),
        ({"password": ""}, r"API token \(password\) is empty"),
        ({"password": "PT-sec\nret"}, r"API token \(password\) has a control character"),
        ({"host": ""}, "Space"),
        ({"extra": {"timeout": "soon"}}, "timeout"),
    ],
)
def test_invalid_field_is_named_and_not_quoted(fields, words):
    with pytest.raises(SignalWireConfigurationError, match=words) as caught:
        connection(**fields)
    assert "PT-sec" not in str(caught.value)


def every_form_of_the_secrets():
    basic = base64.b64encode(f"project:{TOKEN}".encode()).decode()
    proxy_basic = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    return [TOKEN, "PT-secret%2F%2B%20%C3%BC%25", basic, PASSWORD, "p%40ss%2Fw%C3%B6rd", proxy_basic]


def test_no_secret_is_in_the_repr():
    shown = repr(connection(extra={"proxy": PROXY}))
    assert "https://acme.signalwire.com" in shown
    assert "user" not in shown
    assert not any(secret in shown for secret in every_form_of_the_secrets())


@pytest.mark.parametrize("secret", every_form_of_the_secrets())
def test_secret_is_redacted_in_each_form(secret):
    settings = connection(extra={"proxy": PROXY})
    assert settings.redact(f"before {secret} after {secret}.") == "before *** after ***."


def test_proxy_password_is_redacted_as_it_was_written():
    settings = connection(extra={"proxy": "http://user:half%21!way@proxy.example.com"})
    assert (
        settings.redact("http://user:half%21!way@proxy, half!!way, half%21%21way") == "http://user:***@proxy, ***, ***"
    )


def test_secret_within_another_leaves_nothing_of_it():
    settings = connection(password="abcd", extra={"proxy": "http://user:abcd-efgh@127.0.0.1"})
    assert settings.redact("password abcd-efgh, token abcd") == "password ***, token ***"


@pytest.mark.parametrize(
    ("login", "decoded"),
    [
        ("user:p%40ss%2Fw%C3%B6rd", "user:p@ss/wörd"),
        ("user:wörd", "user:wörd"),
        ("user:%FF", b"user:\xff"),
        ("token", "token:"),
        (":password", ":password"),
    ],
)
def test_proxy_login_of_any_characters_becomes_a_header(login, decoded):
    settings = connection(extra={"proxy": f"https://{login}@[::1]:3128/"})
    assert settings.proxy == "https://[::1]:3128"
    decoded = decoded if isinstance(decoded, bytes) else decoded.encode()
    assert settings.proxy_authorization == "Basic " + base64.b64encode(decoded).decode()
    assert login.rpartition(":")[2] not in settings.redact(f"{login} {settings.proxy_authorization}")


def test_settings_are_hashable_and_can_be_pickled():
    settings = connection(extra={"proxy": PROXY})
    assert list(settings.secrets)
    copy = pickle.loads(pickle.dumps(settings))
    assert (copy, hash(copy)) == (settings, hash(settings))
    assert set(copy.secrets) == set(settings.secrets)
    assert TOKEN not in repr(settings.secrets)
