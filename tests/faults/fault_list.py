"""Every fault that a request can meet, and what is known about it. No knowledge of the package is in here."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fault_secrets import BASIC, TOKEN

# What a request is about. A fault in a record does not touch a page of calls, and the other way round.
ANY_REQUEST = frozenset({"stop", "start", "call", "page"})
RECORDS = ANY_REQUEST - {"page"}
STREAMS = frozenset({"stop", "start"})

ELSEWHERE = "http://elsewhere"  # stands for another host that is listening, until the address of one is known


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    :param name: the row of the table
    :param error: the error that tells of it
    :param played: the simulator's fault; empty if the request does not get as far as there
    :param status: the HTTP status it is answered with, if it is an error's
    :param may_pass: whether another attempt may help, and is made
    :param processed: whether the request takes effect all the same
    :param surely_unprocessed: whether its sender knows that it took none
    :param waits_too_long: whether it asks for a longer wait than is allowed: then there is one more attempt only
    :param takes_time: whether it is noticed only when the time for an answer is over
    :param strikes: the requests it can happen to
    :param lookup: the error of looking up the host's name
    :param distrusted: whether the server shows a certificate of nobody's
    """

    name: str
    error: str
    played: dict[str, Any] = field(default_factory=dict, hash=False)
    status: int | None = None
    may_pass: bool = True
    processed: bool = False
    surely_unprocessed: bool = False
    waits_too_long: bool = False
    takes_time: bool = False
    strikes: frozenset[str] = ANY_REQUEST
    lookup: int | None = None
    distrusted: bool = False

    @property
    def is_waited_for(self) -> bool:
        """Whether playing it takes seconds of waiting."""
        return self.takes_time or self.waits_too_long

    @property
    def arrives(self) -> bool:
        """Whether the simulator sees the request."""
        return bool(self.played)


_ERRORS = {
    401: "SignalWireAuthenticationError",
    403: "SignalWireAuthenticationError",
    404: "SignalWireNotFoundError",
    429: "SignalWireRateLimitError",
}
_PASSING = {429, 500, 502, 503, 504}
_NOT_PROCESSED = {429, 503}


def _status(status: int, name: str = "", *, kind: str = "status", **options: Any) -> Fault:
    """An error's status: 4xx was understood and refused, 5xx is of a server that failed."""
    headers = options.get("headers", {})
    return Fault(
        name=f"{status}{name}",
        error=_ERRORS.get(status, "SignalWireRequestError" if status < 500 else "SignalWireServerError"),
        played={"kind": kind, "status": status, **options},
        status=status,
        may_pass=status in _PASSING,
        processed=options.get("when") == "after",
        surely_unprocessed=status < 500 or status in _NOT_PROCESSED,
        waits_too_long="Retry-After" in headers,
    )


def _lost(name: str, **options: Any) -> Fault:
    """No answer, or half of one."""
    return Fault(name=name, error="SignalWireConnectionError", **options)


def _senseless(name: str, played: dict[str, Any], **options: Any) -> Fault:
    """An answer that claims success and is no record."""
    return Fault(name=name, error="SignalWireResponseError", played=played, **options)


def _redirect(status: int, name: str, location: str) -> Fault:
    played = {"kind": "redirect", "status": status, "location": location}
    return Fault(name=f"{status} to {name}", error="SignalWireResponseError", played=played, may_pass=False)


def _patched(name: str, strikes: frozenset[str], /, drop: tuple[str, ...] = (), **changes: Any) -> Fault:
    played = {"kind": "patch", "set": changes, "drop": list(drop)}
    return _senseless(name, played, processed=True, strikes=strikes)


_QUOTING = {"code": 1, "message": f"You sent {TOKEN}, as {BASIC} or {quote(TOKEN, safe='')}."}
_SAME_HOST = "/api/laml/2010-04-01/Accounts"

FAULTS = (
    *(_status(status) for status in (400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422)),
    _status(422, " that quotes the token", body=_QUOTING),
    _status(403, " in HTML", kind="html"),
    _status(429),
    _status(429, " with Retry-After", headers={"Retry-After": "3600"}),
    *(_status(status) for status in (500, 501, 502, 503, 504)),
    _status(503, " with Retry-After, a date", headers={"Retry-After": "Fri, 31 Dec 2060 23:59:59 GMT"}),
    _status(502, " in HTML", kind="html"),
    _status(500, " that quotes the token", body=_QUOTING),
    _status(500, ", processed", when="after"),
    _status(504, ", processed", when="after"),
    _status(501, ", processed", when="after"),
    _lost("reset before the answer", played={"kind": "reset", "when": "before"}),
    _lost("reset during the answer", played={"kind": "reset", "when": "middle"}, processed=True),
    _lost("reset instead of the answer, processed", played={"kind": "reset", "when": "after"}, processed=True),
    _lost("hangs", played={"kind": "hang", "when": "before"}, takes_time=True),
    _lost("hangs, processed", played={"kind": "hang", "when": "after"}, takes_time=True, processed=True),
    _lost("slow body", played={"kind": "slow", "seconds": 3600}, takes_time=True, processed=True),
    _senseless("truncated JSON", {"kind": "truncate"}, processed=True),
    _senseless("malformed JSON", {"kind": "status", "status": 200, "body": '{"sid": stopped}'}),
    _senseless("JSON nested without end", {"kind": "status", "status": 200, "body": "[" * 100_000}),
    _senseless("JSON null", {"kind": "json", "body": None}),
    _senseless("JSON list", {"kind": "json", "body": [{"sid": "x", "status": "stopped"}]}),
    _patched("a number as SID", RECORDS, sid=5),
    _patched("null as status", RECORDS, status=None),
    _patched("no status", RECORDS, drop=("status",)),
    _patched("another stream's SID and name", STREAMS, sid="other", name="other"),
    _patched("another call's SID", RECORDS, sid="other", name="other", call_sid="other"),
    _patched("a text as list of calls", frozenset({"page"}), calls="none"),
    _patched("a next page on another host", frozenset({"page"}), next_page_uri=f"{ELSEWHERE}/api/laml/page"),
    _senseless("HTML", {"kind": "html"}),
    _senseless("empty body", {"kind": "empty"}),
    _senseless("204", {"kind": "status", "status": 204}),
    _senseless("oversized body", {"kind": "oversize"}),
    _redirect(302, "the same host", _SAME_HOST),
    _redirect(307, "the same host", _SAME_HOST),
    _redirect(302, "another host", f"{ELSEWHERE}/api/laml/2010-04-01"),
    _redirect(307, "another host", f"{ELSEWHERE}/api/laml/2010-04-01"),
    _lost("bad TLS certificate", distrusted=True, may_pass=False, surely_unprocessed=True),
    _lost("DNS: no such host", lookup=socket.EAI_NONAME, surely_unprocessed=True),
    _lost("DNS: no answer", lookup=socket.EAI_AGAIN, surely_unprocessed=True),
)
