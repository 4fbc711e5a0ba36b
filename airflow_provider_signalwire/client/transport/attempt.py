"""One attempt to send a request: its deadline, and the facts that a failure is described by."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from airflow_provider_signalwire.client.protocol.http import AttemptFailed, FailureKind, HttpResponse
from airflow_provider_signalwire.client.transport.response_parser import ResponseParser


class TunnelRefused(Exception):
    """The proxy makes no tunnel.

    :param status: What it returned instead.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(eq=False)
class Attempt:
    """What is known about the attempt in progress.

    :param timeout: Seconds that it may take in all.
    :param connect_timeout: Seconds within which it must be connected, through the proxy and with TLS.
    """

    timeout: float
    connect_timeout: float
    sent: bool = False
    connected: bool = False
    parser: ResponseParser = field(default_factory=ResponseParser)
    started: float = field(default_factory=lambda: time.monotonic())  # looked up at each call, for tests' clocks

    @property
    def elapsed(self) -> float:
        """Seconds since the attempt began."""
        return time.monotonic() - self.started

    def remaining(self) -> float:
        """Return how many seconds the current step may take.

        :raises TimeoutError: if there are none.
        """
        limit = self.timeout if self.connected else min(self.timeout, self.connect_timeout)
        seconds = self.started + limit - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def response(self, body: bytes) -> HttpResponse:
        """Return the response that was read, with its body."""
        head = self.parser.head
        assert head is not None  # noqa: S101 - the body comes after the head
        return HttpResponse(status=head.status, headers=head.headers, body=body, seconds=self.elapsed)

    def failure(self, error: BaseException) -> AttemptFailed:
        """Describe how the attempt failed.

        :param error: What the HTTP library raised.
        """
        head = self.parser.head if self.sent else None
        kind, reason = self._kind_and_reason(list(_causes(error)))
        return AttemptFailed(
            kind,
            sent=self.sent,
            reason=reason,
            status=head.status if head else None,
            headers=head.headers if head else None,
            seconds=self.elapsed,
        )

    def _kind_and_reason(self, causes: list[BaseException]) -> tuple[FailureKind, str]:
        if self.sent:
            if self.parser.error:
                return self.parser.error.kind, self.parser.error.reason
            timed_out = any(isinstance(cause, TimeoutError) for cause in causes)
            return ("timeout", "Timed out") if timed_out else ("lost", _reason(causes))
        for cause in causes:
            if isinstance(cause, socket.gaierror):
                is_unknown = cause.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
                return "dns" if is_unknown else "dns_unavailable", _reason([cause])
            if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                return "connect", _CLOSED  # nothing is wrong with the certificate
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, TimeoutError):
                return "tls", _reason(causes)
            if status := getattr(cause, "status", None):  # of TunnelRefused, or of aiohttp's error
                return "connect", f"The proxy returned {status}"
        return "connect", _reason(causes)


_CLOSED = "Connection closed"

# The HTTP libraries create the connections, and cannot pass arguments of ours to them.
current_attempt: ContextVar[Attempt] = ContextVar("current_attempt")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an HTTP library's error and what caused it: causes, contexts and wrapped arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _reason(causes: list[BaseException]) -> str:
    """Return the operating system's message; those of the libraries contain URLs and addresses of objects."""
    for cause in causes:
        # aiohttp has an error of the same kind without these words.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return cause.verify_message
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "Timed out"
    return _CLOSED  # each library has its own errors for this
