"""Watching a client: its observer is told what it does, and each request keeps how it was sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from airflow_provider_signalwire.client.policy.retry import RetryArguments
    from airflow_provider_signalwire.client.protocol.request import ApiRequest

OUTCOME_OK = "ok"
OUTCOMES_OF_ERRORS: dict[type[SignalWireError], str] = {
    SignalWireAuthenticationError: "authentication_failed",
    SignalWireNotFoundError: "not_found",
    SignalWireRequestError: "refused",
    SignalWireRateLimitError: "rate_limited",
    SignalWireServerError: "server_error",
    SignalWireResponseError: "bad_answer",
    SignalWireConnectionError: "no_answer",
}


class Observer:
    """Is told what a client does; this one takes no notice. None of its methods may raise or block."""

    def request_ended(self, operation: str, outcome: str, seconds: float) -> None:
        """Take note of a request that was sent once, and of how that went."""

    def request_retried(self, operation: str) -> None:
        """Take note of a request that is going to be sent again."""

    def rate_limit_met(self, operation: str, seconds: float) -> None:
        """Take note of the wait after a 429."""

    def stream_stopped(self, how: str) -> None:
        """Take note of a stream that need not be stopped any more."""


NOBODY = Observer()


@dataclass(slots=True)
class Delivery:
    """How a request was sent, which its record does not tell.

    :param attempts: How often it was sent.
    :param seconds: From when it was sent first to when its last answer was read.
    :param request_id: SignalWire's id of the request it answered last.
    :param observer: Whom the client that sent it tells what it does.
    """

    attempts: int = 0
    seconds: float = 0.0
    request_id: str | None = None
    observer: Observer = NOBODY
    _began: float = 0.0

    def begin_attempt(self, observer: Observer) -> float:
        """Note that the request is sent, and return the time."""
        now = time.monotonic()
        if not self.attempts:
            self._began = now
            self.observer = observer
        self.attempts += 1
        return now

    def end_attempt(self) -> float:
        """Note that there is an answer, or will be none, and return the time."""
        now = time.monotonic()
        self.seconds = now - self._began
        return now


class Attempt:
    """One sending of a request, as a ``with`` statement: it is timed, and the observer is told its outcome.

    :param request: The request.
    :param observer: Whom to tell.
    """

    __slots__ = ("_observer", "_request", "_started")

    def __init__(self, request: ApiRequest, observer: Observer) -> None:
        self._request = request
        self._observer = observer

    def __enter__(self) -> None:
        self._started = self._request.delivery.begin_attempt(self._observer)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = self._request.delivery.end_attempt() - self._started
        if exc is None:
            self._observer.request_ended(self._request.operation, OUTCOME_OK, seconds)
        elif isinstance(exc, SignalWireError):  # anything else ended the task and not the request
            self._observer.request_ended(self._request.operation, _outcome_of(exc), seconds)


def _outcome_of(error: SignalWireError) -> str:
    return OUTCOMES_OF_ERRORS.get(type(error), "failed")


def observed(arguments: RetryArguments, request: ApiRequest, observer: Observer) -> RetryArguments:
    """Let an observer be told of each retry, too.

    :param arguments: The retry policy for the request.
    :param request: The request.
    :param observer: Whom to tell.
    """
    log_retry = arguments["before_sleep"]

    def before_sleep(retry_state: RetryCallState) -> None:
        log_retry(retry_state)
        observer.request_retried(request.operation)
        failure = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(failure, SignalWireRateLimitError):
            observer.rate_limit_met(request.operation, retry_state.upcoming_sleep)

    return {**arguments, "before_sleep": before_sleep}
