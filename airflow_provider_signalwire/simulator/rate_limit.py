"""The limit on requests that change something."""

from __future__ import annotations

import collections
import math

LIMITED_METHODS = frozenset({"POST", "PUT", "PATCH"})


class RateLimit:
    """At most so many requests within any stretch of so many seconds.

    A window that slides is the strictest reading of "N per SECONDS". A refused request does not count: else
    clients that retry would keep the limit shut for good.

    :param limit: how many requests
    :param seconds: within how many seconds
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._taken: collections.deque[float] = collections.deque()

    def take(self, now: float) -> int | None:
        """Count one request.

        :return: None if it may pass, otherwise the whole seconds to wait before another try
        """
        self._forget(now)
        if len(self._taken) < self.limit:
            self._taken.append(now)
            return None
        return max(1, math.ceil(self._taken[0] + self.seconds - now))

    def remaining(self, now: float) -> int:
        """Return how many requests would pass at this moment."""
        self._forget(now)
        return self.limit - len(self._taken)

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()
