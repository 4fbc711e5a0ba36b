"""The only retry loop: it turns each request of a flow into attempts and pauses, which a transport carries out."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_random_exponential

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.policy.failures import error_of_attempt
from airflow_provider_signalwire.client.policy.observer import NULL_OBSERVER, OUTCOME_BY_ERROR, OUTCOME_OK, Observer
from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, Pause, RequestStats, Send
from airflow_provider_signalwire.client.policy.tracing import Span, attempt_span, operation_span
from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpRequest, HttpResult
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import read_request_id, read_response
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireRateLimitError

log = logging.getLogger(__name__)

T = TypeVar("T")

Attempts = Generator[HttpRequest | Pause, HttpResult | None, T]

# Full jitter: a random wait of up to 0.25, 0.75, 2.25, 6.75, … seconds, so that many tasks do not retry in step. Most
# faults are over by the second attempt; for the others, five attempts should last as long as a restart.
_BACKOFF = wait_random_exponential(multiplier=0.25, exp_base=3, max=30)

_MIN_TIMEOUT_SECONDS = 0.1


@dataclass(slots=True)
class _Progress:
    """What has been done so far to send one request.

    :param elapsed: Seconds spent on attempts and pauses. Waiting for a connection or for the rate limit is not counted.
    :param state: tenacity's state, made after the first failure, so that a success costs nothing.
    """

    attempts: int = 0
    elapsed: float = 0.0
    had_unknown_outcome: bool = False
    state: RetryCallState | None = None


class RetryPolicy:
    """Sends the requests of flows as the connection's settings allow.

    :param settings: Timeout, attempts and retry time.
    :param observer: Is notified of attempts, retries and rate limits.
    """

    def __init__(self, settings: ClientSettings, observer: Observer = NULL_OBSERVER) -> None:
        self.retries = 0
        self._last_summary = ""
        self._settings = settings
        self._observer = observer
        self._retrying = Retrying(stop=stop_after_attempt(settings.max_attempts), wait=_BACKOFF)

    def drive(self, flow: Flow[T]) -> Attempts[T]:
        """Run a flow to its end and return its result."""
        with operation_span(flow) as span:
            return (yield from self._run(flow, span))

    def _run(self, flow: Flow[T], span: Span) -> Attempts[T]:
        try:
            step = next(flow)
            while True:
                response: ApiResponse[Any] | None = None
                try:
                    if isinstance(step, Pause):
                        yield step
                    else:
                        response = yield from self._send(step, span)
                except SignalWireError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(response)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value, typed by Flow[T]
        finally:
            flow.close()

    def _send(self, step: Send[T], span: Span) -> Attempts[ApiResponse[T]]:
        progress = _Progress()
        request = step.request
        while True:
            progress.attempts += 1
            if step.on_attempt is not None:
                step.on_attempt()
            try:
                return (yield from self._attempt(request, self._timeout(step), progress, span))
            except SignalWireError as error:
                failure = error
            failure.attempts, failure.seconds = progress.attempts, progress.elapsed
            failure.after_unknown_outcome = progress.had_unknown_outcome
            progress.had_unknown_outcome |= failure.outcome == "unknown"
            may_repeat = yield from self._may_repeat(step, failure, span)
            pause = self._pause_before_retry(step, progress, failure) if may_repeat else None
            if pause is None:
                if progress.attempts > 1:
                    failure.add_advice(f"Gave up after {progress.attempts} attempts in {progress.elapsed:.1f} s.")
                raise failure
            self._report_retry(request, progress, failure, pause)
            yield Pause(pause)
            progress.elapsed += pause

    def _attempt(
        self, request: ApiRequest[T], timeout: float, progress: _Progress, operation: Span
    ) -> Attempts[ApiResponse[T]]:
        span = attempt_span(request, progress.attempts, operation)
        try:
            result = yield HttpRequest(
                method=request.method,
                target=request.target,
                body=request.body,
                timeout=timeout,
                content_type=request.content_type,
            )
        except BaseException as interruption:
            span.end(error_type=type(interruption).__name__)
            raise
        assert result is not None  # noqa: S101 - the driver sends a result for each HttpRequest
        progress.elapsed += result.seconds
        try:
            if isinstance(result, FailedAttempt):
                raise error_of_attempt(request, self._settings, result)
            record = read_response(request, result, self._settings.secrets)
        except SignalWireError as error:
            self._observer.on_request_finished(request.operation, _outcome(error), result.seconds)
            span.end(status_code=result.status, error_type=_outcome(error))
            raise
        self._observer.on_request_finished(request.operation, OUTCOME_OK, result.seconds)
        span.end(status_code=result.status)
        request_id = read_request_id(result.headers, self._settings.secrets)
        return ApiResponse(record, RequestStats(progress.attempts, progress.elapsed, request_id))

    def _may_repeat(self, step: Send[Any], failure: SignalWireError, span: Span) -> Attempts[bool]:
        if step.recover is not None:
            return (yield from self._run(step.recover(failure), span))
        return failure.is_transient and (step.request.safe_to_repeat or failure.outcome == "not_processed")

    def _timeout(self, step: Send[Any]) -> float:
        if step.deadline is None:
            return self._settings.timeout
        return min(self._settings.timeout, max(step.deadline - time.monotonic(), _MIN_TIMEOUT_SECONDS))

    def _pause_before_retry(self, step: Send[Any], progress: _Progress, failure: SignalWireError) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is none."""
        left = self._settings.max_retry_seconds - progress.elapsed
        state = progress.state = progress.state or RetryCallState(self._retrying, None, (), {})
        if left <= 0 or self._retrying.stop(state):
            return None
        pause = min(max(self._retrying.wait(state), failure.retry_after or 0.0), left)
        if step.deadline is not None and time.monotonic() + pause >= step.deadline:
            return None
        state.prepare_for_next_attempt()
        return pause

    def _report_retry(
        self, request: ApiRequest[Any], progress: _Progress, failure: SignalWireError, pause: float
    ) -> None:
        self.retries += 1
        # Logged in full, unless the failure before was of the same kind: a poll, too, is repeated until its deadline.
        summary = f"Could not {request.log_description} ({_outcome(failure)})."
        message = summary if summary == self._last_summary else failure
        self._last_summary = summary
        log.warning(
            "%s Attempt %d of %d; retrying in %.1f s.",
            message,
            progress.attempts,
            self._settings.max_attempts,
            pause,
        )
        self._observer.on_request_retried(request.operation)
        if isinstance(failure, SignalWireRateLimitError):
            self._observer.on_rate_limited(request.operation, pause)


def _outcome(error: SignalWireError) -> str:
    return OUTCOME_BY_ERROR.get(type(error), "failed")
