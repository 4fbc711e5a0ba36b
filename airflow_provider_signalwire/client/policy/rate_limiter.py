"""Limits a client's requests: a maximum in any period for all its flows, and one pause after a 429."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpRequest, HttpResult
from airflow_provider_signalwire.client.protocol.responses import retry_after

# After a 429, requests are spaced. The spacing shrinks with each success until the next 429, so a limit that
# others use up, too, is approached from below.
_MIN_SPACING_SECONDS = 0.001
_MAX_SPACING_SECONDS = 5.0
_GROWTH = 2.0
_DECAY = 0.98


class RateLimiter:
    """Lets requests leave as fast as they can, but never more than a maximum within any period.

    SignalWire counts a request some time between its first byte and its response. A request therefore occupies a slot
    from before it is sent until a period after its response: any period in which SignalWire may have counted it.

    :param max_requests: Maximum number of requests in any period.
    :param period: Length of the period in seconds.
    """

    # No library fits. aiolimiter is a leaky bucket, which allows almost twice its maximum in some periods.
    # pyrate-limiter and throttled-py count a request when it is sent, so a slow one may arrive in a period that is
    # already full. None of them can pause.

    def __init__(self, max_requests: int, period: float) -> None:
        self._period = period
        self._slots = asyncio.Semaphore(max_requests)
        self._turn = asyncio.Lock()
        self._paused_until = 0.0
        self._next_turn = 0.0
        self._spacing = 0.0

    async def send(
        self, send: Callable[[HttpRequest], Awaitable[HttpResult]], request: HttpRequest, *, max_pause: float
    ) -> HttpResult:
        """Send a request as soon as it may be sent, and adjust the rate to what SignalWire returns.

        :param send: Sends it once.
        :param request: The request.
        :param max_pause: Maximum pause in seconds after a 429.
        """
        await self._acquire()
        is_counted = True
        try:
            result = await send(request)
            is_counted = not isinstance(result, FailedAttempt) or result.sent
        finally:
            if is_counted:
                asyncio.get_running_loop().call_later(self._period, self._slots.release)
            else:
                self._slots.release()
        if result.status == 429:
            self.on_rate_limited(retry_after(result.headers), max_pause=max_pause)
        elif result.status is not None:
            self.on_success()
        return result

    async def _acquire(self) -> None:
        async with self._turn:  # one request waits, the others queue behind it
            await self._slots.acquire()
            try:
                # A pause that begins meanwhile also applies to requests already waiting.
                while (wait := max(self._paused_until, self._next_turn) - _now()) > 0:  # noqa: ASYNC110  # waits for a time
                    await asyncio.sleep(wait)
            except BaseException:
                self._slots.release()
                raise
            self._next_turn = _now() + self._spacing

    def on_rate_limited(self, seconds: float | None, *, max_pause: float) -> None:
        """Pause all requests after a 429, and space those that follow.

        :param seconds: Seconds that SignalWire asks to wait. Without them, the pause is as long as the spacing: a
            millisecond after a first 429, longer with every further one.
        :param max_pause: Maximum pause in seconds.
        """
        now = _now()
        if self._paused_until <= now:  # otherwise it was sent before the pause began
            self._spacing = min(max(self._spacing * _GROWTH, _MIN_SPACING_SECONDS), _MAX_SPACING_SECONDS)
            seconds = seconds or self._spacing
        if seconds:
            self._paused_until = max(self._paused_until, now + min(seconds, max_pause))

    def on_success(self) -> None:
        """Shorten the spacing after a response other than 429."""
        self._spacing *= _DECAY
        if self._spacing < _MIN_SPACING_SECONDS:
            self._spacing = 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
