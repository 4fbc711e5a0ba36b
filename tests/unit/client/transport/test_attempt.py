"""How an HTTP library's error becomes the reason of a failure, without a connection."""

from __future__ import annotations

import socket
import ssl

import pytest
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.exceptions import MaxRetryError

from airflow_provider_signalwire.client.transport.attempt import Attempt


def kind_and_reason(error, *, sent=False):
    failure = Attempt(timeout=5, connect_timeout=5, sent=sent).failure(error)
    return failure.kind, failure.reason


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "dns", "no such name"),
        (socket.gaierror(socket.EAI_NODATA, "no address"), "dns", "no address"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "dns_unavailable", "try again"),
        (socket.gaierror(socket.EAI_FAIL, "failed"), "dns_unavailable", "failed"),
        (ConnectionRefusedError(111, "Connection refused"), "connect", "Connection refused"),
        (TimeoutError(), "connect", "Timed out"),
        (Exception("http://user:secret@host"), "connect", "Connection closed"),
    ],
)
def test_reason_is_found_in_the_error_and_in_those_around_it(error, kind, reason):
    assert kind_and_reason(error) == (kind, reason)
    wrapped = RequestsConnectionError(MaxRetryError(None, "/", error))
    assert kind_and_reason(wrapped) == (kind, reason)


@pytest.mark.parametrize(
    "handled", [TimeoutError(), ssl.SSLError(1, "other"), socket.gaierror(socket.EAI_NONAME, "other")]
)
@pytest.mark.parametrize(("sent", "kind"), [(True, "lost"), (False, "connect")])
def test_error_that_the_caller_handles_is_no_cause(handled, sent, kind):
    error = ConnectionResetError(104, "Connection reset by peer")
    error.__context__ = handled
    assert kind_and_reason(error, sent=sent) == (kind, "Connection reset by peer")
