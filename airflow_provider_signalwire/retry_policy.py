"""When Airflow retries a task after a failure of SignalWire (Airflow 3.3 and newer)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_signalwire.client.protocol.validation import validate_duration
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireRateLimitError

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    raise ImportError("SignalWireRetryPolicy needs Airflow 3.3 or newer, which has retry policies.") from None

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_MAX_RETRY_AFTER = timedelta(days=1)


class SignalWireRetryPolicy(RetryPolicy):
    """Choose how long a task waits before its next try.

    After a 429, the next try waits as long as SignalWire asked for, at most a day. After another transient failure, or
    a 429 without a ``Retry-After``, the wait doubles with each try: a random time between half of it and all of it.
    For all other errors, the task's own ``retries`` and ``retry_delay`` apply. The number of tries is always the task's
    ``retries``. Errors that retrying cannot fix end the task before Airflow asks a policy.

    :param backoff: Seconds or timedelta for the first wait after an outage.
    :param max_backoff: Seconds or timedelta that a wait after an outage takes at most.
    """

    def __init__(
        self,
        *,
        backoff: float | timedelta = timedelta(seconds=30),
        max_backoff: float | timedelta = timedelta(minutes=30),
    ) -> None:
        self.backoff = validate_duration("backoff", backoff, minimum=1)
        self.max_backoff = validate_duration("max_backoff", max_backoff, minimum=1)

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return the wait after a transient failure of SignalWire; leave all else to the next policy or the task."""
        if not isinstance(exception, SignalWireError) or not exception.is_transient:
            return RetryDecision.default()
        if isinstance(exception, SignalWireRateLimitError) and exception.retry_after is not None:
            delay = min(timedelta(seconds=exception.retry_after), _MAX_RETRY_AFTER)
            return RetryDecision.retry(delay, f"SignalWire asked to wait {delay.total_seconds():g} s.")
        doubled = self.backoff * 2 ** min(max(try_number - 1, 0), 32)
        delay = timedelta(seconds=min(doubled, self.max_backoff) * random.uniform(0.5, 1))  # noqa: S311 - no secret
        return RetryDecision.retry(delay, f"{type(exception).__name__} is transient.")
