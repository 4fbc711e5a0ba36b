"""How fast requests may leave: one rate for all of a client's flows, and one pause when SignalWire asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# The event loop wakes up some milliseconds late; what was missed in this time may be caught up with at once.
_CATCH_UP_SECONDS = 0.05


class Pace:
    """Gives each request its turn.

    :param per_second: Requests per second, on the average.
    :param clock: Monotonic seconds.
    """

    def __init__(self, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._next_turn = clock()
        self._paused_until = clock()

    async def turn(self) -> None:
        """Return when the next request may be sent."""
        while True:
            now = self._clock()
            turn = max(self._next_turn, now - _CATCH_UP_SECONDS, self._paused_until)
            self._next_turn = turn + self._interval
            if turn > now:
                await asyncio.sleep(turn - now)
            # A pause that began meanwhile holds for who was already waiting, too.
            if self._paused_until <= turn:
                return

    def pause(self, seconds: float) -> None:
        """Let nobody send for some seconds: what one request was told, none of the others needs to hear again."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
