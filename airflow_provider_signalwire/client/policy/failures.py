"""From the facts about a failed attempt to the error that the user sees, the same for both transports."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.config.space import is_loopback
from airflow_provider_signalwire.client.protocol.http import FailedAttempt
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import classify, error_of_status, invalid_response
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireError

_SENTENCES = {
    "dns": "there is no host {looked_up!r}. Check {setting}.",
    "dns_unavailable": "the host name {looked_up!r} could not be resolved. Check this machine's network and DNS "
    "server.",
    "tls": "no trusted TLS connection to {host!r} ({reason}). {tls_advice}, set ca_bundle to your CA's PEM file.",
    "connect": "could not connect to {origin}{through} ({reason}). Check {setting} and this machine's network.",
    "lost": "the connection to {host!r} broke before the response was complete ({reason}){processed}.",
    "timeout": "no complete response from {host!r} within {timeout:g} s{processed}.",
    "malformed": "{host!r} did not return a valid HTTP response ({reason}){processed}.",
}


def error_of_attempt(request: ApiRequest[Any], settings: ClientSettings, failed: FailedAttempt) -> SignalWireError:
    """Return the error for an attempt that brought no complete response.

    :param request: The request.
    :param settings: The settings it was sent with.
    :param failed: What the transport reported.
    """
    if failed.status is not None and not 200 <= failed.status < 300:
        return error_of_status(request, failed.status, failed.headers, b"", settings.secrets)
    if failed.kind == "too_large":
        return invalid_response(request, failed.status or 0, "is larger than 16 MiB")
    proxy = urlsplit(settings.proxy).hostname if settings.proxy else None
    host = settings.origin.partition("://")[2]
    setting = "the proxy (the connection's extra proxy, or HTTPS_PROXY)" if proxy else "the connection's Space"
    tls_advice = f"Check {setting}. If your network inspects TLS"
    if settings.origin.startswith("https:") and is_loopback(urlsplit(settings.origin).hostname or ""):
        tls_advice = f"If the simulator listens there, write 'http://{host}' as the connection's Space; otherwise"
    # With a proxy, its name is the only one that is looked up on this machine.
    sentence = _SENTENCES[failed.kind].format(
        looked_up=proxy or urlsplit(settings.origin).hostname,
        setting=setting,
        tls_advice=tls_advice,
        host=host,
        origin=settings.origin,
        through=f" through the proxy {proxy}" if proxy else "",
        timeout=settings.timeout,
        reason=settings.redact(failed.reason),
        processed="; the request may have been processed" if failed.sent else "",
    )
    error = SignalWireConnectionError(f"Could not {request.log_description}: {sentence}", kind=failed.kind)
    error.is_transient, error.outcome = classify(sent=failed.sent, status=failed.status)
    if failed.kind == "tls":
        error.is_transient = False  # waiting does not make a certificate trusted
    return error
