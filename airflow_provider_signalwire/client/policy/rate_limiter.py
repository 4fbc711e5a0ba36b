"""How fast requests may leave: one rate for all of a client's flows, and one pause when SignalWire asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# The event loop wakes up some milliseconds late, and a short pause is soon over; what was missed in this time may be
# caught up with at once.
_CATCH_UP_SECONDS = 0.05

# The pause after a 429 that does not say for how long. It settles where about one answer in fifty is a 429: a stray
# one costs next to nothing, and a limit that is used up by others, too, is approached from below.
_MIN_BACKOFF_SECONDS = 0.001
_MAX_BACKOFF_SECONDS = 5.0
_GROWTH = 4.0
_DECAY = 0.9


class RateLimiter:
    """Gives each request its turn.

    :param per_second: Requests per second, on the average.
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
            turn = max(self._next_turn, now - _CATCH_UP_SECONDS)
            self._next_turn = turn + self._interval
            wait = max(turn, self._paused_until) - now
            if wait > 0:
                await asyncio.sleep(wait)
            # A pause that began meanwhile holds for who was already waiting, too.
            if not self._is_paused():
                return

    def on_rate_limited(self, retry_after: float | None, *, max_seconds: float) -> None:
        """Let nobody send for a while after a 429: what one was told, none of the others needs to hear again.

        :param retry_after: Seconds that SignalWire asks for. Where it names none, a first 429 pauses for a moment
            only, as it may stand alone; the more of the answers are 429, the longer the pauses become.
        :param max_seconds: The longest pause, in seconds.
        """
        if not retry_after:
            if self._is_paused():
                return  # it was on its way before the pause began
            retry_after = self._backoff
            self._backoff = min(retry_after * _GROWTH, _MAX_BACKOFF_SECONDS)
        if retry_after > 0:
            self._paused_until = max(self._paused_until, self._clock() + min(retry_after, max_seconds))
            self._next_turn = max(self._next_turn, self._paused_until - _CATCH_UP_SECONDS)

    def on_success(self) -> None:
        """Take note of an answer that was no 429."""
        self._backoff = max(self._backoff * _DECAY, _MIN_BACKOFF_SECONDS)

    def _is_paused(self) -> bool:
        return self._paused_until > self._clock()
