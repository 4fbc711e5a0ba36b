"""A traceback with local variables shows no secret and no telephone number, wherever an exception comes from."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol import endpoints, filters
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

TOKEN, PROXY_PASSWORD, BEARER, KEY = "PT-3f9a", "pr0xy-w0rd", "bearer-77", "signed-key-99"
NUMBER = "+15551234567"
PROXY = f"http://user:{PROXY_PASSWORD}@proxy.example.com:3128"
SIGNED = f"wss://media.example.com/?key={KEY}"
CONNECTION = {"host": "acme", "login": "project", "password": TOKEN, "extra": {"proxy": PROXY}}
START = {
    "account_sid": "project",
    "parent_sid": "call",
    "url": SIGNED,
    "name": NUMBER,
    "status_callback": f"https://example.com/?key={KEY}",
    "parameters": {"pin": KEY},
    "authorization_bearer_token": BEARER,
}
CREATE = {"account_sid": "project", "to": NUMBER, "from_": NUMBER, "url": SIGNED, "sip_auth_password": BEARER}
LIST = {"account_sid": "project", "to": NUMBER, "from_": NUMBER}
FILTERS = {"to": NUMBER, "from_": NUMBER, "started_after": "2026-01-02T03:04:05Z"}
HIDDEN = (TOKEN, PROXY_PASSWORD, BEARER, KEY, NUMBER[1:])

REFUSED: dict[str, Callable[[], Any]] = {
    "Project ID": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"login": f"{TOKEN}:"}),
    "API token": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"password": f"{TOKEN}\n{TOKEN}"}),
    "Space": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"host": f"user:{TOKEN}@acme"}),
    "proxy": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"extra": {"proxy": f"{PROXY}/ "}}),
    "timeout": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"extra": {"timeout": TOKEN}}),
    "url": lambda: endpoints.start_call_stream(**START | {"url": f"{SIGNED} "}),
    "status_callback": lambda: endpoints.start_call_stream(**START | {"status_callback": SIGNED}),
    "parameters": lambda: endpoints.start_call_stream(**START | {"parameters": {"a": KEY, "b": 1}}),
    "authorization_bearer_token": lambda: endpoints.start_call_stream(
        **START | {"authorization_bearer_token": f"{BEARER}\n"}
    ),
    "sip_auth_password": lambda: endpoints.create_call(**CREATE | {"sip_auth_password": f"{BEARER}\n"}),
    "to": lambda: endpoints.create_call(**CREATE | {"to": f"{NUMBER}\n"}),
    "page_size": lambda: endpoints.list_calls(**LIST | {"page_size": 0}),
    "call_filters": lambda: filters.validate_call_filters(FILTERS | {"to": f"{NUMBER} "}),
    "call_sid": lambda: endpoints.stop_call_stream("project", {"sid": "x", "to": NUMBER}, "stream"),
}


def hidden_in(error: BaseException) -> set[str]:
    """Return what an error's message, and the local variables of our frames in its traceback, show."""
    shown = [str(error), repr(error)]
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None:
            frames = traceback.TracebackException.from_exception(link, capture_locals=True, compact=True).stack
            shown += [str(frame.locals) for frame in frames if not frame.filename.startswith(__file__)]
            links += [link.__cause__, link.__context__]
    return {secret for secret in HIDDEN for text in shown if secret in text}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_value_is_in_no_message_and_no_local_variable(name):
    with pytest.raises(SignalWireConfigurationError, match=name) as caught:
        REFUSED[name]()
    assert hidden_in(caught.value) == set()


def test_search_finds_a_secret_in_a_local_variable():
    code = compile("def leak(token):\n    raise ValueError\n", "elsewhere.py", "exec")
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - only its traceback matters
        namespace["leak"](TOKEN)
    assert hidden_in(caught.value) == {TOKEN}
