"""From a transport's facts about a failed attempt to the error that the user sees."""

from __future__ import annotations

import dataclasses

import pytest
from scripted import IDS, SETTINGS

from airflow_provider_signalwire.client.policy.failures import error_of_attempt
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.http import FailedAttempt
from airflow_provider_signalwire.exceptions import (
    SignalWireConnectionError,
    SignalWireRateLimitError,
    SignalWireResponseError,
)

WITH_PROXY = dataclasses.replace(
    SETTINGS,
    proxy="http://proxy.example.com:3128",
    proxy_authorization="Basic cHJveHktcGFzc3dvcmQ=",
    proxy_password="proxy-password",
)
REQUEST = endpoints.stop_call_stream(*IDS)
MAY_BE_PROCESSED = "; the request may have been processed."


def error_of(kind, *, sent, settings=SETTINGS, reason="it failed", **facts):
    return error_of_attempt(REQUEST, settings, FailedAttempt(kind=kind, sent=sent, reason=reason, **facts))


@pytest.mark.parametrize(
    ("kind", "sent", "message"),
    [
        ("dns", False, "there is no host 'acme.signalwire.com'. Check the connection's Space."),
        ("dns_unavailable", False, "'acme.signalwire.com' could not be resolved. Check this machine's network and DNS"),
        ("tls", False, "no trusted TLS connection to 'acme.signalwire.com' (it failed). Check the connection's Space."),
        ("connect", False, "could not connect to https://acme.signalwire.com (it failed). Check the connection's"),
        ("lost", True, f"the connection to 'acme.signalwire.com' broke before the response was complete (it failed)"
         f"{MAY_BE_PROCESSED}"),
        ("timeout", True, f"no complete response from 'acme.signalwire.com' within 30 s{MAY_BE_PROCESSED}"),
        ("malformed", True, f"did not return a valid HTTP response (it failed){MAY_BE_PROCESSED}"),
    ],
)  # fmt: skip
def test_message_says_what_failed_and_what_to_check(kind, sent, message):
    error = error_of(kind, sent=sent)
    assert type(error) is SignalWireConnectionError
    assert error.kind == kind
    assert str(error).startswith("Could not stop stream 'stream' on call 'call': ")
    assert message in str(error)
    assert error.outcome == ("unknown" if sent else "not_processed")
    assert error.request_was_sent is sent
    assert error.is_transient is (kind != "tls")


@pytest.mark.parametrize("kind", ["dns", "tls", "connect"])
def test_with_a_proxy_the_proxy_is_what_to_check(kind):
    message = str(error_of(kind, sent=False, settings=WITH_PROXY))
    assert "Check the proxy (the connection's extra proxy, or HTTPS_PROXY)" in message
    assert ("proxy.example.com" in message) is (kind != "tls")


def test_reason_is_quoted_without_secrets():
    reason = f"{SETTINGS.api_token}, proxy-password and cHJveHktcGFzc3dvcmQ= refused"
    message = str(error_of("connect", sent=False, settings=WITH_PROXY, reason=reason))
    assert "(***, *** and *** refused)" in message


def test_status_that_was_received_counts_even_if_the_body_breaks_off():
    headers = {"retry-after": "7", "x-request-id": "r-1"}
    error = error_of("lost", sent=True, status=429, headers=headers)
    assert type(error) is SignalWireRateLimitError
    assert (error.retry_after, error.request_id, error.outcome) == (7, "r-1", "not_processed")
    for success in (200, 299):
        error = error_of("lost", sent=True, status=success)
        assert (type(error), error.is_transient, error.outcome) == (SignalWireConnectionError, True, "unknown")
    assert type(error_of("lost", sent=True, status=300)) is SignalWireResponseError


def test_body_above_the_limit_is_an_invalid_response():
    error = error_of("too_large", sent=True, status=200)
    assert type(error) is SignalWireResponseError
    assert "the response (HTTP 200) is larger than 16 MiB." in str(error)
    assert error.outcome == "unknown"


@pytest.mark.parametrize(("origin", "is_hint"), [("https://127.0.0.1:8787", True), ("https://192.0.2.1:8787", False)])
def test_tls_failure_on_this_machine_names_plain_http(origin, is_hint):
    message = str(error_of("tls", sent=False, settings=dataclasses.replace(SETTINGS, origin=origin)))
    assert ("If the simulator listens there, write 'http://127.0.0.1:8787'" in message) is is_hint
    assert ("network inspects TLS" in message) is not is_hint
    assert "set ca_bundle to your CA's PEM file." in message
