"""The connection's extras: each has a type, limits and a default; a message names them and quotes no value."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from airflow_provider_signalwire.client.config.extras import read_extras
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.provider_info import EXTRAS


@pytest.fixture(autouse=True)
def no_ca_bundle_of_this_machine(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def settings_with(extra):
    return ClientSettings.from_connection_fields(host="127.0.0.1", login="project", password="token", extra=extra)


@pytest.mark.parametrize(
    "extra", [None, "", "  ", "null", {}, *(dict.fromkeys(EXTRAS, nothing) for nothing in (None, ""))]
)
def test_without_extras_there_are_defaults(extra):
    settings = settings_with(extra)
    assert (settings.timeout, settings.connect_timeout) == (30, 5)
    assert (settings.max_attempts, settings.max_retry_seconds) == (5, 60)
    assert (settings.verify, settings.ca_bundle, settings.proxy) == (True, None, None)


@pytest.mark.parametrize("as_text", [False, True], ids=["values", "strings, as in a connection URI"])
def test_every_extra_is_read(tmp_path, as_text):
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    given_values = {
        "timeout": 10.5,
        "connect_timeout": 2,
        "max_attempts": 3,
        "max_retry_seconds": 0,
        "verify": True,
        "ca_bundle": str(bundle),
        "proxy": "http://user:password@proxy.example.com:3128",
    }
    if as_text:
        given_values = {name: str(value) for name, value in given_values.items()}
    settings = settings_with(json.dumps(given_values))
    assert (settings.timeout, settings.connect_timeout) == (10.5, 2)
    assert (settings.max_attempts, settings.max_retry_seconds) == (3, 0)
    assert isinstance(settings.max_attempts, int)
    assert (settings.verify, settings.ca_bundle) == (True, str(bundle))
    assert settings.proxy == "http://proxy.example.com:3128"
    assert settings.proxy_authorization == "Basic " + base64.b64encode(b"user:password").decode()


@pytest.mark.parametrize(("text", "value"), [("false", False), ("False", False), ("TRUE", True), (False, False)])
def test_spellings_of_a_boolean(text, value):
    assert settings_with({"verify": text}).verify is value


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [("timeout", 0.1, 3600), ("connect_timeout", 0.1, 300), ("max_attempts", 1, 100), ("max_retry_seconds", 0, 3600)],
)
def test_numbers_have_limits(name, lowest, highest):
    assert read_extras({name: lowest}) == {name: lowest}
    assert read_extras({name: highest}) == {name: highest}
    for wrong in (lowest - 0.05, highest + 1, str(highest + 1), "nan", float("inf"), -1, "1e999"):
        with pytest.raises(
            SignalWireConfigurationError,
            match=f"extra '{name}' is out of range: expected .* from {lowest} to {highest}",
        ):
            read_extras({name: wrong})


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("timeout", "PT-secret", "is a string of 9 characters: expected a number of seconds from 0.1 to 3600"),
        ("max_attempts", "PT-secret", "is a string of 9 characters: expected an integer from 1 to 100"),
        ("max_attempts", 2.5, "is a fraction: expected an integer"),
        ("max_attempts", "2.5", "is a fraction: expected an integer"),
        ("timeout", True, "is of type bool: expected a number"),
        ("timeout", ["PT-secret"], "is of type list"),
        ("connect_timeout", {"PT-secret": 1}, "is of type dict"),
        ("max_retry_seconds", 10**400, "is of type int: expected a number"),
        ("verify", "PT-secret", "is a string of 9 characters: expected true or false"),
        ("verify", 0, "is of type int: expected true or false"),
        ("ca_bundle", 5, "is of type int: expected the path of a PEM file"),
        ("ca_bundle", "/PT-secret", "is a path that does not exist on the machine"),
        ("ca_bundle", "\x00", "is a path that does not exist on the machine"),
        ("ca_bundle", "-----BEGIN SECRET KEY-----\nPT-secret", "is the content of a file: expected the path"),
    ],
)
def test_invalid_value_is_described_and_not_quoted(name, wrong, words):
    with pytest.raises(SignalWireConfigurationError, match=f"^The connection's extra '{name}' {words}") as caught:
        read_extras({name: wrong})
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        *("proxy.example.com:3128", "socks5://user:secret@proxy", "http://"),
        *("http://user:secret@", "http://a b", "http://user:secret@proxy:port", "http://user:secret\ud800@proxy:99"),
        *("http://user:secret@prøxy", "http://proxy:0"),
    ],
)
def test_invalid_proxy_is_refused_and_not_quoted(wrong):
    with pytest.raises(
        SignalWireConfigurationError, match="extra 'proxy' is not the URL of an HTTP proxy: expected"
    ) as caught:
        read_extras({"proxy": wrong})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["{", "[1]", "5", '"text"', "[" * 5, "{'timeout': 1}"])
def test_anything_but_a_json_object_is_refused(wrong):
    with pytest.raises(
        SignalWireConfigurationError, match=r"The connection's Extra is (not valid JSON|a JSON \w+: expec)"
    ):
        read_extras(wrong)


def test_unknown_extra_is_ignored_and_logged(caplog):
    with caplog.at_level(logging.WARNING):
        settings = settings_with({"timeout": 9, "time_out": "secret", "region": "eu", "PT-123secret": 1})
    assert settings == settings_with({"timeout": 9})
    [warning] = caplog.messages
    assert "they are ignored: (a name that is not shown), region, time_out." in warning
    assert "timeout, connect_timeout, max_attempts" in warning
    assert "secret" not in warning


def test_verify_false_and_ca_bundle_conflict(tmp_path):
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    with pytest.raises(SignalWireConfigurationError, match="extras conflict: 'ca_bundle' names"):
        settings_with({"verify": False, "ca_bundle": str(bundle)})
