"""What to tell the user when no answer came, the same for both transports."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.config.space import is_loopback_https
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import SignalWireConnectionError

_SPACE = "the connection's Space (host)"
_SENTENCES = {
    "dns": "there is no host {looked_up!r}. Check {setting}.",
    "dns-unavailable": "the host name {looked_up!r} could not be looked up. Check this machine's network and name "
    "server.",
    "tls": "no trusted TLS connection to {host!r} could be made ({reason}). Check the connection's Space (host); "
    "if your network inspects TLS, name its authority in the extra ca_bundle.",
    "connect": "could not connect to {origin} ({reason}). Check the connection's Space (host), this machine's "
    "network and its proxy.",
    "lost": "the connection to {host!r} broke before the answer was complete ({reason}); the request may have been "
    "processed.",
    "timeout": "no complete answer from {host!r} within {timeout:g} s; the request may have been processed.",
}


def connection_error(
    request: ApiRequest, settings: ClientSettings, error: BaseException, *, kind: str
) -> SignalWireConnectionError:
    """Describe a request that got no answer.

    :param error: What the transport raised.
    :param kind: ``connect``, ``lost`` or ``timeout``; what the error's causes say more exactly wins.
    """
    causes = list(_causes(error))
    kind = _kind_by_causes(causes) or kind
    # With a proxy, its name is the only one that is looked up here.
    looked_up = urlsplit(settings.proxy or settings.origin).hostname
    setting = "the proxy, in the connection's extra proxy or HTTPS_PROXY" if settings.proxy else _SPACE
    sentence = _SENTENCES[kind].format(
        looked_up=looked_up,
        setting=setting,
        host=settings.origin.partition("://")[2],
        origin=settings.origin,
        timeout=settings.timeout,
        reason=settings.redact(_reason(causes)),
    )
    if kind in ("tls", "lost") and is_loopback_https(settings.origin):
        sentence += " For a simulator without TLS, write http:// before the host in the connection's Space (host)."
    return SignalWireConnectionError(f"Tried to {request.shown}: {sentence}", kind=kind)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from what a transport raised to what the system said: causes, contexts and wrapped arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _kind_by_causes(causes: list[BaseException]) -> str | None:
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "dns" if cause.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else "dns-unavailable"
        if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return "lost"  # the peer hung up without saying so: nothing is wrong with the certificate
        if isinstance(cause, ssl.SSLError):
            return "tls"
    return None


def _reason(causes: list[BaseException]) -> str:
    """Return the system's own words; the wrappers around them only repeat addresses of objects."""
    for cause in causes:
        # aiohttp's own error is one too, but without these words.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return cause.verify_message
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(causes[-1]).__name__
