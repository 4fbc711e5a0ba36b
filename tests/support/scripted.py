"""Runs flows, with the retry loop, on scripted responses instead of a network, and on a clock that only pauses move."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from this_thread import only_in_this_thread

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.policy.observer import NULL_OBSERVER, Observer
from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import Flow, Pause
from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpRequest, HttpResponse, HttpResult
from airflow_provider_signalwire.exceptions import SignalWireError

# When every script begins, on either clock.
MONOTONIC = 1000.0
WALL = 1_767_323_045.0  # Fri, 02 Jan 2026 03:04:05 GMT

IDS = ("project", "call", "stream")
SETTINGS = ClientSettings(origin="https://acme.signalwire.com", project_id="project", api_token="PT-secret-token")

Draw = Callable[[float, float], float]


class Always:
    """The last entry of a script, in turns for all requests that are left."""

    def __init__(self, *replies: HttpResult) -> None:
        self.replies = replies


@dataclass(frozen=True)
class Queued:
    """A reply to a request that first waits for a place to be sent."""

    reply: HttpResult
    seconds: float


def response(
    status: int, body: Any = b"", headers: dict[str, str] | None = None, *, seconds: float = 0.0
) -> HttpResult:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, headers=_lower_case(headers), body=content, seconds=seconds)


def _lower_case(headers: dict[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def stream(status: str, **keys: Any) -> HttpResult:
    record = {"sid": "stream", "account_sid": "project", "call_sid": "call", "name": "name", "status": status}
    return response(200, record | {"date_updated": None, "uri": "/api/laml/x"} | keys)


def call(status: str, **keys: Any) -> HttpResult:
    return response(200, {"sid": "call", "account_sid": "project", "status": status, **keys})


def lost(*, status: int | None = None, headers: dict[str, str] | None = None, seconds: float = 0.0) -> HttpResult:
    """The connection breaks after the request was sent."""
    return FailedAttempt(
        kind="lost", sent=True, reason="Connection reset", status=status, headers=_lower_case(headers), seconds=seconds
    )


def unsent(seconds: float = 0.0) -> HttpResult:
    """No connection is made."""
    return FailedAttempt(kind="connect", sent=False, reason="Connection refused", seconds=seconds)


@dataclass
class Run:
    """The result of a flow."""

    result: Any = None
    error: SignalWireError | None = None
    requests: list[HttpRequest] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)  # seconds of each
    elapsed: float = 0.0  # seconds on the scripted clock

    @property
    def sent(self) -> str:
        """The requests: S starts a stream, X stops one, ? reads a call, and - is anything else."""
        return "".join(map(_letter, self.requests))

    @property
    def stopped_by(self) -> list[str]:
        """The SID or name in the path of each stop."""
        return [unquote(one.target.rpartition("/")[2]) for one in self.requests if _letter(one) == "X"]

    def expect(self, error_class: type[SignalWireError]) -> SignalWireError:
        """Return the error if it is of this class."""
        assert type(self.error) is error_class, (self.error, self.result)
        return self.error


def run(
    flow: Flow[Any],
    *script: HttpResult | Always | Queued,
    settings: ClientSettings = SETTINGS,
    observer: Observer = NULL_OBSERVER,
    draw: Draw = lambda low, high: (low + high) / 2,
) -> Run:
    """Run a flow to its end on a script, which must be used up by then.

    :param draw: What takes the place of chance.
    """
    outcome = Run()
    replies = _replies(script)
    with (
        # A simulator that runs in another thread would sleep until the script's time.
        patch.object(time, "monotonic", only_in_this_thread(lambda: MONOTONIC + outcome.elapsed, time.monotonic)),
        patch.object(time, "time", only_in_this_thread(lambda: WALL + outcome.elapsed, time.time)),
        patch("random.uniform", draw),
    ):
        try:
            outcome.result = _drive(RetryPolicy(settings, observer).drive(flow), replies, outcome)
        except SignalWireError as error:
            outcome.error = error
    unused = list(replies) if not script or not isinstance(script[-1], Always) else []
    assert not unused, f"{len(unused)} replies are left after {outcome.sent!r}"
    return outcome


def _drive(attempts: Any, replies: Iterator[HttpResult | Queued], outcome: Run) -> Any:
    try:
        step = next(attempts)
        while True:
            if isinstance(step, Pause):
                outcome.pauses.append(step.seconds)
                outcome.elapsed += step.seconds
                step = attempts.send(None)
                continue
            outcome.requests.append(step)
            assert len(outcome.requests) < 1000, "this flow does not end"
            reply = next(replies, None)
            assert reply is not None, f"not in the script: {outcome.sent!r}"
            if isinstance(reply, Queued):
                outcome.elapsed += reply.seconds
                reply = reply.reply
            outcome.elapsed += reply.seconds
            step = attempts.send(reply)
    except StopIteration as end:
        return end.value
    finally:
        attempts.close()


def _replies(script: tuple[Any, ...]) -> Iterator[Any]:
    for reply in script:
        yield from itertools.cycle(reply.replies) if isinstance(reply, Always) else (reply,)


def _letter(request: HttpRequest) -> str:
    head, _, last = request.target.rpartition("/")
    if request.method == "GET":
        return "?" if head.endswith("/Calls") else "-"
    return "S" if last == "Streams" else "X" if head.endswith("/Streams") else "-"
