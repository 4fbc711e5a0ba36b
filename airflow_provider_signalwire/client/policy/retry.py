"""The one retry policy: what is tried again, after how long, and until when."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypedDict, cast

from tenacity import (
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import (
    SignalWireConnectionError,
    SignalWireError,
    SignalWireRateLimitError,
    SignalWireResponseError,
    SignalWireServerError,
)

log = logging.getLogger(__name__)

RETRIED_SERVER_STATUSES = frozenset({500, 502, 503, 504})

# Full jitter: a random wait of up to 0.25, 0.75, 2.25, 6.75, … seconds, so that many tasks do not return in step. Most
# faults have passed when the second attempt comes; for the others, five attempts should last as long as a restart.
_BACKOFF = wait_random_exponential(multiplier=0.25, exp_base=3, max=30)


class RetryArguments(TypedDict):
    """What ``tenacity.Retrying`` and ``tenacity.AsyncRetrying`` are made with."""

    retry: retry_base
    stop: stop_base
    wait: Callable[[RetryCallState], float]
    before_sleep: Callable[[RetryCallState], None]
    retry_error_callback: Callable[[RetryCallState], Any]


def retry_arguments(request: ApiRequest, settings: ClientSettings, *, spent: float = 0.0) -> RetryArguments:
    """Return the policy for one request.

    :param request: The request.
    :param settings: How patiently it is sent.
    :param spent: Seconds that have passed since it was first sent.
    """
    seconds_left = settings.max_retry_seconds - spent
    return {
        "retry": retry_if_exception(lambda error: may_be_sent_again(request, error)),
        "stop": stop_after_attempt(settings.max_attempts) | stop_after_delay(seconds_left),
        "wait": _Wait(seconds_left),
        "before_sleep": _log_retry,
        "retry_error_callback": partial(_give_up, spent=spent),
    }


def may_pass(error: BaseException) -> bool:
    """Tell whether a failure is of the kind that another try can mend."""
    if isinstance(error, SignalWireConnectionError):
        return error.kind != "tls"
    if isinstance(error, SignalWireServerError):
        return error.http_status in RETRIED_SERVER_STATUSES
    if isinstance(error, SignalWireResponseError):
        return error.http_status < 300
    return isinstance(error, SignalWireRateLimitError)


def was_surely_not_processed(error: BaseException) -> bool:
    """Tell whether a failed request cannot have had an effect."""
    if isinstance(error, SignalWireConnectionError):
        return not error.request_was_sent
    if isinstance(error, SignalWireServerError):
        return error.http_status == 503
    return isinstance(error, SignalWireRateLimitError)


def may_be_sent_again(request: ApiRequest, error: BaseException) -> bool:
    """Tell whether a request may be sent again after an error."""
    return may_pass(error) and (request.safe_to_repeat or was_surely_not_processed(error))


class _Wait(wait_base):
    """Wait as long as SignalWire asks, else with backoff; never longer than what is left of the budget."""

    def __init__(self, seconds_left: float) -> None:
        self.seconds_left = seconds_left

    def __call__(self, retry_state: RetryCallState) -> float:
        asked = getattr(_failure(retry_state), "retry_after", None)
        seconds = _BACKOFF(retry_state) if asked is None else asked
        return max(0.0, min(seconds, self.seconds_left - (retry_state.seconds_since_start or 0.0)))


def _failure(retry_state: RetryCallState) -> BaseException | None:
    return retry_state.outcome.exception() if retry_state.outcome else None


def _log_retry(retry_state: RetryCallState) -> None:
    log.warning(
        "%s Attempt %d failed; trying again in %.1f s.",
        _failure(retry_state),
        retry_state.attempt_number,
        retry_state.upcoming_sleep,
    )


def _give_up(retry_state: RetryCallState, *, spent: float) -> NoReturn:
    error = cast("SignalWireError", _failure(retry_state))  # nothing else is tried again
    attempts, seconds = retry_state.attempt_number, spent + (retry_state.seconds_since_start or 0.0)
    if attempts > 1:
        error.add_advice(f"Gave up after {attempts} attempts in {seconds:.1f} s.")
    raise error
