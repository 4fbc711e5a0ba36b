"""Limits a client's requests: one rate for all its flows, and one pause after a 429."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# The event loop wakes up some milliseconds late. What was missed within this time may be sent at once.
_MAX_CATCH_UP_SECONDS = 0.05

# The pause after a 429 without Retry-After. It settles where about one response in fifty is a 429: a single one costs
# next to nothing, and a limit that others use up, too, is approached from below.
_MIN_BACKOFF_SECONDS = 0.001
_MAX_BACKOFF_SECONDS = 5.0
_GROWTH = 4.0
_DECAY = 0.9


class RateLimiter:
    """Spaces requests evenly.

    :param per_second: Requests per second, on average.
    :param clock: Monotonic seconds.
    """

    def __init__(self, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._next_turn = clock()
        self._paused_until = clock()
        self._backoff = _MIN_BACKOFF_SECONDS

    async def acquire(self) -> None:
        """Return when the next request may be sent."""
        while True:
            now = self._clock()
            turn = max(self._next_turn, now - _MAX_CATCH_UP_SECONDS)
            self._next_turn = turn + self._interval
            wait = max(turn, self._paused_until) - now
            if wait > 0:
                await asyncio.sleep(wait)
            # A pause that began meanwhile also applies to requests already waiting.
            if not self._is_paused():
                return

    def on_rate_limited(self, retry_after: float | None, *, max_seconds: float) -> None:
        """Pause all requests after a 429.

        :param retry_after: Seconds that SignalWire asks for. Without them, a first 429 pauses for a moment only; the
            more responses are 429, the longer the pauses become.
        :param max_seconds: Maximum pause in seconds.
        """
        if not retry_after:
            if self._is_paused():
                return  # it was sent before the pause began
            retry_after = self._backoff
            self._backoff = min(retry_after * _GROWTH, _MAX_BACKOFF_SECONDS)
        if retry_after > 0:
            self._paused_until = max(self._paused_until, self._clock() + min(retry_after, max_seconds))
            self._next_turn = max(self._next_turn, self._paused_until - _MAX_CATCH_UP_SECONDS)

    def on_success(self) -> None:
        """Shorten the next pause after a response other than 429."""
        self._backoff = max(self._backoff * _DECAY, _MIN_BACKOFF_SECONDS)

    def _is_paused(self) -> bool:
        return self._paused_until > self._clock()
