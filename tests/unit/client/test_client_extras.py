"""The connection's extras: each has a type, bounds and a default; what is unknown is warned of."""

from __future__ import annotations

import contextlib
import json
import logging

import hypothesis
import pytest
from hypothesis import strategies as st

from airflow_provider_signalwire.client.config.extras import read_extras
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


def settings_with(extra):
    return ClientSettings.from_connection_fields(host="127.0.0.1", login="project", password="token", extra=extra)


@pytest.mark.parametrize("extra", [None, "", "  ", "null", "{}", {}])
def test_without_extras_there_are_defaults(extra):
    settings = settings_with(extra)
    assert (settings.timeout, settings.connect_timeout) == (30, 5)
    assert (settings.max_attempts, settings.max_retry_seconds) == (5, 60)
    assert (settings.verify, settings.ca_bundle, settings.proxy) == (True, None, None)


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_text_mean_the_default(nothing):
    names = ["timeout", "connect_timeout", "max_attempts", "max_retry_seconds", "verify", "ca_bundle", "proxy"]
    assert settings_with(dict.fromkeys(names, nothing)) == settings_with(None)


@pytest.mark.parametrize("as_text", [False, True], ids=["values", "texts, as a connection URI carries them"])
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
    assert settings.proxy == "http://user:password@proxy.example.com:3128"


@pytest.mark.parametrize(("text", "value"), [("false", False), ("False", False), ("TRUE", True), (False, False)])
def test_spellings_of_a_boolean(text, value):
    assert settings_with({"verify": text}).verify is value


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [("timeout", 0.1, 3600), ("connect_timeout", 0.1, 300), ("max_attempts", 1, 100), ("max_retry_seconds", 0, 3600)],
)
def test_numbers_have_bounds(name, lowest, highest):
    assert read_extras({name: lowest}) == {name: lowest}
    assert read_extras({name: highest}) == {name: highest}
    for wrong in (lowest - 0.05, highest + 1):
        with pytest.raises(SignalWireConfigurationError, match=f"extra '{name}' is {wrong}: expected .* to {highest}"):
            read_extras({name: wrong})


@pytest.mark.parametrize("name", ["timeout", "connect_timeout", "max_attempts", "max_retry_seconds"])
@pytest.mark.parametrize("wrong", ["soon", True, [5], {}, "nan", float("inf"), -1, 10**400, "1e999"])
def test_what_is_no_number_is_refused(name, wrong):
    with pytest.raises(SignalWireConfigurationError, match=f"^The connection's extra '{name}' is .*: expected "):
        read_extras({name: wrong})


@pytest.mark.parametrize("wrong", [2.5, "2.5"])
def test_attempts_are_whole(wrong):
    with pytest.raises(SignalWireConfigurationError, match="expected a whole number from 1 to 100"):
        read_extras({"max_attempts": wrong})


@pytest.mark.parametrize("wrong", ["yes", "0", 0, 1, [], "no"])
def test_what_is_no_boolean_is_refused(wrong):
    with pytest.raises(SignalWireConfigurationError, match=r"extra 'verify' is .*: expected true or false"):
        read_extras({"verify": wrong})


@pytest.mark.parametrize(
    "wrong", [True, 5, "/no/such/file.pem", "/", "\x00", "-----BEGIN CERTIFICATE-----\n" + "MII" * 2000]
)
def test_what_is_no_file_is_refused(wrong):
    with pytest.raises(
        SignalWireConfigurationError, match=r"extra 'ca_bundle' is .*: expected the path of a PEM"
    ) as caught:
        read_extras({"ca_bundle": wrong})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        "proxy",
        "proxy.example.com:3128",
        "ftp://user:secret@proxy",
        "socks5://user:secret@proxy",
        "http://",
        "http://user:secret@",
        "http://a b",
        "http://user:secret@proxy:port",
        "http://user:secret@proxy:99999",
        "http://proxy:0",
        "http://[proxy",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_repeated(wrong):
    with pytest.raises(SignalWireConfigurationError, match="extra 'proxy' is no proxy address: expected") as caught:
        read_extras({"proxy": wrong})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["{", "[1]", "5", '"text"', "[" * 5, "{'timeout': 1}"])
def test_what_is_no_json_object_is_refused(wrong):
    with pytest.raises(
        SignalWireConfigurationError, match=r"The connection's Extra is (not valid JSON|a JSON \w+: expec)"
    ):
        read_extras(wrong)


def test_an_unknown_extra_is_warned_of_and_ignored(caplog):
    with caplog.at_level(logging.WARNING):
        settings = settings_with({"timeout": 9, "time_out": "secret", "region": "eu"})
    assert settings == settings_with({"timeout": 9})
    [warning] = caplog.messages
    assert "they are ignored: region, time_out." in warning
    assert "timeout, connect_timeout, max_attempts" in warning
    assert "secret" not in warning


def test_no_check_and_own_authorities_contradict_each_other(tmp_path):
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    with pytest.raises(SignalWireConfigurationError, match="'ca_bundle' names authorities to trust, and 'verify' is"):
        settings_with({"verify": False, "ca_bundle": str(bundle)})


# The first text that hypothesis makes takes seconds.
patient = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
names = st.sampled_from(
    ["timeout", "connect_timeout", "max_attempts", "max_retry_seconds", "verify", "ca_bundle", "proxy"]
)


@patient
@hypothesis.given(extra=st.dictionaries(names, values))
def test_any_value_is_read_or_refused_with_its_name(extra):
    try:
        kept = read_extras(extra)
    except SignalWireConfigurationError as error:
        kept = {name: None for name in extra if f"'{name}'" in str(error)}
        assert kept
    assert set(kept) <= set(extra)


@patient
@hypothesis.given(extra=st.text())
def test_any_text_is_read_or_refused(extra):
    with contextlib.suppress(SignalWireConfigurationError):
        assert read_extras(extra) == {}
