"""Every fault that a request can meet, and what is known about it. No knowledge of the package is in here."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fault_secrets import BASIC, TOKEN

# What a request is about. A fault in a record does not affect a page of calls, and the other way round.
ANY_REQUEST = frozenset({"stop", "start", "call", "page"})
RECORDS = ANY_REQUEST - {"page"}
STREAMS = frozenset({"stop", "start"})
START = frozenset({"start"})

ELSEWHERE = "http://elsewhere"  # stands for another host that listens, until its address is known


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault."""

    name: str  # the row of the table
    error: str  # the error that it ends with
    simulated: dict[str, Any] = field(default_factory=dict, hash=False)  # empty if the simulator does not cause it
    status: int | None = None  # the HTTP status of the response, if it is an error
    is_transient: bool = True  # a retry may succeed, and is made
    is_accepted: bool = False  # the response is accepted, with a warning
    is_processed: bool = False  # the request takes effect all the same
    is_known_unprocessed: bool = False  # the client takes it for not processed
    waits_too_long: bool = False  # it asks for a longer wait than is allowed: then there is one more attempt only
    takes_time: bool = False  # it is noticed only when the time for a response is over
    affects: frozenset[str] = ANY_REQUEST  # the requests that can meet it
    lookup: int | None = None  # the error of the DNS lookup
    is_distrusted: bool = False  # the server has a certificate of an unknown CA
    is_late: bool = False  # a gateway returns the error first and processes the request afterwards
    is_killed: bool = False  # Airflow kills the task while it waits for the response

    @property
    def takes_seconds(self) -> bool:
        """Whether a case of it takes seconds of waiting."""
        return self.takes_time or self.waits_too_long

    @property
    def positions(self) -> tuple[str, ...]:
        """Where in a request sequence it can be."""
        return ("first",) if self.is_late or self.is_killed else POSITIONS

    @property
    def arrives(self) -> bool:
        """Whether the simulator receives the request."""
        return bool(self.simulated)


POSITIONS = ("first", "middle", "always")
_ERRORS = {
    401: "SignalWireAuthenticationError",
    403: "SignalWireAuthenticationError",
    404: "SignalWireNotFoundError",
    408: "SignalWireServerError",
    425: "SignalWireServerError",
    429: "SignalWireRateLimitError",
}
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}


def _status(status: int, name: str = "", *, kind: str = "status", **options: Any) -> Fault:
    """An error's status. A 4xx is a refusal; 408, 425 and 5xx leave open whether the request was processed."""
    return Fault(
        name=f"{status}{name}",
        error=_ERRORS.get(status, "SignalWireRequestError" if status < 500 else "SignalWireServerError"),
        simulated={"kind": kind, "status": status, **options},
        status=status,
        is_transient=status in _TRANSIENT,
        is_processed=options.get("when") == "after",
        is_known_unprocessed=status < 500 and status not in (408, 425),
        waits_too_long="Retry-After" in options.get("headers", {}),
    )


def _lost(name: str, **options: Any) -> Fault:
    """No response, or half of one."""
    return Fault(name=name, error="SignalWireConnectionError", **options)


def _invalid(name: str, simulated: dict[str, Any], **options: Any) -> Fault:
    """A response with a status of success that is not a record."""
    return Fault(name=name, error="SignalWireResponseError", simulated=simulated, **options)


def _killed(name: str, when: str) -> Fault:
    """Airflow kills the task while it waits for the response to its start."""
    return Fault(
        name=name,
        error="TaskKilled",
        simulated={"kind": "hang", "when": when},
        is_transient=False,
        is_processed=when == "after",
        is_killed=True,
        affects=START,
    )


def _redirect(status: int, name: str, location: str) -> Fault:
    simulated = {"kind": "redirect", "status": status, "location": location}
    return Fault(name=f"{status} to {name}", error="SignalWireResponseError", simulated=simulated, is_transient=False)


def _patched(
    name: str, affects: frozenset[str], /, drop: tuple[str, ...] = (), is_accepted: bool = False, **changes: Any
) -> Fault:
    simulated = {"kind": "patch", "set": changes, "drop": list(drop)}
    return _invalid(name, simulated, is_processed=True, affects=affects, is_accepted=is_accepted)


_QUOTING = {"code": 1, "message": f"You sent {TOKEN}, as {BASIC} or {quote(TOKEN, safe='')}."}
_SAME_HOST = "/api/laml/2010-04-01/Accounts"

FAULTS = (
    *(_status(status) for status in (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425)),
    _status(422, " that quotes the token", body=_QUOTING),
    _status(403, " in HTML", kind="html"),
    _status(429),
    _status(429, " with Retry-After", headers={"Retry-After": "3600"}),
    _status(429, ", processed", when="after"),
    *(_status(status) for status in (500, 501, 502, 503, 504, *range(520, 525))),
    _status(503, " with Retry-After, a date", headers={"Retry-After": "Fri, 31 Dec 2060 23:59:59 GMT"}),
    _status(502, " in HTML", kind="html"),
    _status(500, " that quotes the token", body=_QUOTING),
    _status(500, ", processed", when="after"),
    _status(503, ", processed", when="after"),
    _status(504, ", processed", when="after"),
    Fault(name="504, processed later", error="SignalWireServerError", status=504, is_late=True, affects=START),
    _killed("killed", "before"),
    _killed("killed, processed", "after"),
    _status(501, ", processed", when="after"),
    _lost("reset before the response", simulated={"kind": "reset", "when": "before"}),
    _lost("reset during the response", simulated={"kind": "reset", "when": "middle"}, is_processed=True),
    _lost("reset instead of the response, processed", simulated={"kind": "reset", "when": "after"}, is_processed=True),
    _lost("hangs", simulated={"kind": "hang", "when": "before"}, takes_time=True),
    _lost("hangs, processed", simulated={"kind": "hang", "when": "after"}, takes_time=True, is_processed=True),
    _lost("slow body", simulated={"kind": "slow", "seconds": 3600}, takes_time=True, is_processed=True),
    _invalid("truncated JSON", {"kind": "truncate"}, is_processed=True),
    _invalid("malformed JSON", {"kind": "status", "status": 200, "body": '{"sid": stopped}'}),
    _invalid("JSON nested too deeply", {"kind": "status", "status": 200, "body": "[" * 100_000}),
    _invalid("JSON null", {"kind": "json", "body": None}),
    _invalid("JSON list", {"kind": "json", "body": [{"sid": "x", "status": "stopped"}]}),
    _patched("a number as SID", RECORDS, sid=5),
    _patched("null as status", RECORDS, status=None),
    _patched("no status", RECORDS, drop=("status",)),
    _patched("another stream's SID and name", STREAMS, sid="other", name="other", is_accepted=True),
    _patched("another call's SID", RECORDS, sid="other", call_sid="other", is_accepted=True),
    _patched("a string as list of calls", frozenset({"page"}), calls="none"),
    _patched("a next page on another host", frozenset({"page"}), next_page_uri=f"{ELSEWHERE}/api/laml/page"),
    _invalid("HTML", {"kind": "html"}),
    _invalid("empty body", {"kind": "empty"}),
    _invalid("204", {"kind": "status", "status": 204}),
    _invalid("oversized body", {"kind": "oversize"}),
    _redirect(302, "the same host", _SAME_HOST),
    _redirect(307, "the same host", _SAME_HOST),
    _redirect(302, "another host", f"{ELSEWHERE}/api/laml/2010-04-01"),
    _redirect(307, "another host", f"{ELSEWHERE}/api/laml/2010-04-01"),
    _lost("bad TLS certificate", is_distrusted=True, is_transient=False, is_known_unprocessed=True),
    _lost("DNS: no such host", lookup=socket.EAI_NONAME, is_known_unprocessed=True),
    _lost("DNS: no response", lookup=socket.EAI_AGAIN, is_known_unprocessed=True),
)
