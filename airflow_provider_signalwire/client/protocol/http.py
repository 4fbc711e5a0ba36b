"""What a transport sends and returns: one HTTP request, and its response or the facts about its failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Both transports get the form URL-encoded, because aiohttp's form class is slow: it supports multipart forms, too.
FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
JSON_CONTENT_TYPE = "application/json"

MAX_BODY_BYTES = 16 * 1024 * 1024

FailureKind = Literal["dns", "dns_unavailable", "tls", "connect", "lost", "timeout", "malformed", "too_large"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One attempt to send a request.

    :param method: HTTP method.
    :param target: Path and query, both percent-encoded.
    :param body: URL-encoded form or JSON, or None if the request has no body.
    :param timeout: Seconds that the attempt may take in all, from the moment it has a place to be sent.
    :param content_type: Media type of the body.
    """

    method: str
    target: str = field(repr=False)  # may hold telephone numbers
    body: bytes | None = field(repr=False)
    timeout: float
    content_type: str = FORM_CONTENT_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A complete response.

    :param status: HTTP status.
    :param headers: Headers by lower-case name.
    :param body: The whole body, not decompressed.
    :param seconds: How long the attempt took, without waiting for a place to be sent.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """An attempt that brought no complete response.

    :param kind: ``dns`` (no such host), ``dns_unavailable`` (the lookup failed), ``tls`` (no trusted TLS connection),
        ``connect`` (no connection, or none through the proxy), ``lost`` (the connection broke), ``timeout``,
        ``malformed`` (what came is not HTTP) or ``too_large`` (the body exceeds the limit).
    :param sent: Whether any byte of the request was written.
    :param reason: What the system said, without secrets.
    :param status: Status of the response, if its head arrived; its body did not arrive in full.
    :param headers: Headers of that response by lower-case name.
    :param seconds: How long the attempt took, without waiting for a place to be sent.
    """

    kind: FailureKind
    sent: bool
    reason: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = 0.0


HttpResult = HttpResponse | FailedAttempt
