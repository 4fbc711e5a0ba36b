"""One attempt to send a request: its deadline, and the facts that a failure is described by."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from airflow_provider_signalwire.client.protocol.http import FailedAttempt, FailureKind, HttpResponse
from airflow_provider_signalwire.client.transport.response_parser import ResponseParser

_CLOSED = "Connection closed"
_TIMED_OUT = "Timed out"


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

    def failure(self, error: BaseException) -> FailedAttempt:
        """Describe how the attempt failed.

        :param error: What the HTTP library raised.
        """
        head = self.parser.head if self.sent else None
        kind, reason = self._kind_and_reason(list(_causes(error)))
        return FailedAttempt(
            kind=kind,
            sent=self.sent,
            reason=reason,
            status=head.status if head else None,
            headers=head.headers if head else {},
            seconds=self.elapsed,
        )

    def _kind_and_reason(self, causes: list[BaseException]) -> tuple[FailureKind, str]:
        if not self.sent:
            return _connect_failure(causes)
        if self.parser.error:
            return self.parser.error.kind, self.parser.error.reason
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return "timeout", _TIMED_OUT
        return "lost", _reason(causes)


# The HTTP libraries create the connections, and cannot pass arguments of ours to them.
current_attempt: ContextVar[Attempt] = ContextVar("current_attempt")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an HTTP library's error and those that it was raised from or wraps.

    A context is left out: it may be an error that the caller handles, and that has nothing to do with the request.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]


def _connect_failure(causes: list[BaseException]) -> tuple[FailureKind, str]:
    """Return why there is no connection: the first cause that is more than a general error says it."""
    for cause in causes:
        match cause:
            case socket.gaierror(errno=socket.EAI_NONAME | socket.EAI_NODATA):
                return "dns", _reason([cause])
            case socket.gaierror():
                return "dns_unavailable", _reason([cause])
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                return "connect", _CLOSED  # nothing is wrong with the certificate
            case ssl.SSLError():
                return "tls", _reason(causes)
            case TunnelRefused(status=status):
                return "connect", f"The proxy returned {status}"
    return "connect", _reason(causes)


def _reason(causes: list[BaseException]) -> str:
    """Return the operating system's message; those of the libraries contain URLs and addresses of objects."""
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError(verify_message=message):  # aiohttp's error of this kind has no message
                return message
            case OSError(errno=int(number), strerror=str(message)) if "Connect call failed" in message:
                return os.strerror(number)  # asyncio names the addresses instead
            case OSError(strerror=str(message)):
                return message
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return _TIMED_OUT
    return _CLOSED  # each library has its own errors for this
