"""How many stops a batch may still send."""

from __future__ import annotations

import asyncio


class StopBudget:
    """Limits the number of accepted stops; requests in flight count as accepted until their outcome is known.

    :param limit: Maximum number of accepted stops; None means no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._left = limit
        self._in_flight = 0
        self._settled = asyncio.Condition()

    async def reserve(self) -> bool:
        """Return whether one more stop may be sent; wait for the outcomes of others if it depends on them."""
        if self._left is None:
            return True
        async with self._settled:
            await self._settled.wait_for(lambda: self._left or not self._in_flight)
            if not self._left:
                return False
            self._left -= 1
            self._in_flight += 1
            return True

    async def settle(self, *, is_accepted: bool) -> None:
        """Take the outcome of a stop into account."""
        if self._left is None:
            return
        async with self._settled:
            self._in_flight -= 1
            self._left += not is_accepted
            self._settled.notify_all()
