"""Any fields of a connection become settings that can be used, or are refused; the token is shown in neither case."""

from __future__ import annotations

import base64
import json
import pickle
from urllib.parse import quote, urlsplit

from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.config.space import is_loopback
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

EXTRAS = ["timeout", "connect_timeout", "max_attempts", "max_retry_seconds", "verify", "ca_bundle", "proxy", "x"]

spaces = st.sampled_from(
    ["acme", "ACME.signalwire.com", "https://acme.signalwire.com/", "http://127.0.0.1:8787", "localhost", "[::1]:1"]
)
odd_spaces = st.text("ab.-:/@[]?#%1 é\n\u2028", max_size=12) | st.text(max_size=12)
texts = st.none() | st.text(max_size=12)
ports = st.none() | st.integers(-1, 70000)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
proxies = st.sampled_from(["http://u:PASSWORD@proxy:3128", "http://[", "http://p:0", "socks5://p", "//p", "http://p:x"])
json_values = st.recursive(plain | proxies, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5)
extras = st.dictionaries(st.sampled_from(EXTRAS), json_values | st.floats(0, 100)) | json_values
written_extras = extras | extras.map(json.dumps) | st.text(max_size=20)
# Long enough to be in no text by chance.
tokens = st.text(min_size=12, max_size=30).map(lambda text: f"PT-{text}-tok")


def read(**fields):
    return ClientSettings.from_connection_fields(**fields)


def usable(read_settings):
    """Check what the clients take for granted."""
    origin = urlsplit(read_settings.origin)
    assert origin.scheme == "https" or is_loopback(origin.hostname)
    assert origin.scheme in ("http", "https")
    assert origin.hostname
    assert origin.port is None or 1 <= origin.port <= 65535
    assert read_settings.origin.isascii()
    assert (origin.path, origin.query, origin.fragment, origin.username) == ("", "", "", None)
    for name, value in read_settings.headers.items():
        assert value.isascii(), name
        assert value.isprintable(), name
    login, _, token = base64.b64decode(read_settings.authorization.removeprefix("Basic ")).decode().partition(":")
    assert (login, token) == (read_settings.project_id, read_settings.api_token)
    assert 0 < read_settings.connect_timeout <= 300
    assert 0 < read_settings.timeout <= 3600
    assert isinstance(read_settings.max_attempts, int)
    assert 1 <= read_settings.max_attempts <= 100
    assert 0 <= read_settings.max_retry_seconds <= 3600
    assert isinstance(read_settings.verify, bool)
    if read_settings.proxy:
        assert "@" not in read_settings.proxy
        assert read_settings.proxy.isascii()
        assert urlsplit(read_settings.proxy).port != 0
    assert (read_settings.proxy_authorization or "").isascii()


def forms_of(login, token):
    """Return the ways in which a token may be written."""
    return token, quote(token, safe=""), base64.b64encode(f"{(login or '').strip()}:{token}".encode()).decode()


@settings(max_examples=120)
@given(
    host=spaces | odd_spaces | st.none(),
    schema=st.sampled_from([None, "", "https", "http", "HTTPS", "ftp"]) | texts,
    port=ports,
    login=st.just("project") | texts,
    password=st.just("token") | texts,
    extra=written_extras,
)
@example(host="acme", schema=None, port=None, login="project", password="\ud800", extra=None)
@example(host="acme", schema=None, port=None, login="\ud800", password="token", extra=None)
@example(host="acme", schema=None, port=None, login="project", password="token", extra="[" * 100_000)
@example(host="acme", schema=None, port=None, login="project", password="token", extra={1: 2, "x": 3})
@example(host="acme", schema=None, port=None, login="project", password="token", extra={"ca_bundle": "\x00"})
@example(host="acme", schema=None, port=None, login="project", password="token", extra={"timeout": 10**5000})
def test_any_fields_are_read_or_refused(**fields):
    refusal, read_settings = "", None
    try:
        read_settings = read(**fields)
    except SignalWireConfigurationError as error:
        refusal = str(error)
    if read_settings is None:
        assert refusal
        assert refusal.isprintable()
        assert len(refusal) < 1000
    else:
        usable(read_settings)


@settings(max_examples=60)
@given(token=tokens, host=spaces | odd_spaces, extra=written_extras, login=st.just("project") | texts)
@example(token="PT-with-a-line\nbreak-tok", host="acme", extra=None, login="project")
def test_token_is_never_shown(token, host, extra, login):
    try:
        read_settings = read(host=host, login=login, password=token, extra=extra)
        shown = [repr(read_settings), str(read_settings), f"{read_settings}"]
        assert token == pickle.loads(pickle.dumps(read_settings)).api_token
        assert not any(form in read_settings.redact(f"a {form} b") for form in forms_of(login, token))
    except SignalWireConfigurationError as error:
        shown = [str(error), repr(error), json.dumps(error.to_event())]
    assert not [form for form in forms_of(login, token) for text in shown if form in text]


@settings(max_examples=60)
@given(proxy=st.text("ab:/@[]%# é", max_size=15).map(lambda text: f"http://user:PASSWORD{text}") | st.text(max_size=20))
def test_proxy_password_is_never_shown(proxy):
    try:
        shown = repr(read(host="acme", login="project", password="token", extra={"proxy": proxy}))
    except SignalWireConfigurationError as error:
        shown = str(error)
    assert "PASSWORD" not in shown
