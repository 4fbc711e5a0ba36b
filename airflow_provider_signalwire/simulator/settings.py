"""The settings of a simulator, and the rate limit that one of them sets."""

from __future__ import annotations

import base64
import collections
import functools
import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DEFAULT_PROJECT = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000001"
SCOPES = ("Voice", "Management")

_MAX_REQUESTS = 1_000_000
_MAX_SECONDS = 86_400.0


class RateLimit:
    """A maximum number of requests within any period of a length.

    The period slides. Refused requests do not count; otherwise, a client that retries could be refused forever.

    :param description: ``N/SECONDS``
    :raises ValueError: if it is anything else
    """

    def __init__(self, description: str) -> None:
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,9})?)", description)
        self.limit, self.seconds = (int(match[1]), float(match[2])) if match else (0, 0.0)
        if not 1 <= self.limit <= _MAX_REQUESTS or not 0 < self.seconds <= _MAX_SECONDS:
            raise ValueError("rate_limit must be N/SECONDS, such as 13800/10")
        self._accepted: collections.deque[float] = collections.deque()

    def take(self, now: float) -> int | None:
        """Count one request; return None if it is accepted, otherwise the seconds to wait."""
        if not self.remaining(now):
            return max(1, math.ceil(self._accepted[0] + self.seconds - now))
        self._accepted.append(now)
        return None

    def remaining(self, now: float) -> int:
        """Return how many requests would be accepted now."""
        while self._accepted and self._accepted[0] <= now - self.seconds:
            self._accepted.popleft()
        return self.limit - len(self._accepted)


def _check_rate_limit(description: str) -> str:
    RateLimit(description)
    return description


Milliseconds = Annotated[float, Field(strict=True, ge=0, le=_MAX_SECONDS * 1000, allow_inf_nan=False)]
Secret = Annotated[str, Field(min_length=1, repr=False, exclude=True)]


class Behavior(BaseModel):
    """The settings that a reset may change.

    :param latency_ms: pause before each API response
    :param answer_delay_ms: time from creating a call to its being answered
    :param stop_delay_ms: time from the request to stop a stream to its being stopped
    :param rate_limit: ``N/SECONDS`` for POST, PUT and PATCH together, or None
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    latency_ms: Milliseconds = 0
    answer_delay_ms: Milliseconds = 500
    stop_delay_ms: Milliseconds = 500
    rate_limit: Annotated[str, AfterValidator(_check_rate_limit)] | None = None


class Settings(Behavior):
    """Settings of a simulator.

    :param project: Project ID, the user name of the API
    :param token: API token, the password of the API
    :param subprojects: more account SIDs that the token may use
    :param scopes: scopes of the token: ``Voice``, ``Management``
    :param signing_key: key that status callbacks are signed with
    """

    project: Annotated[str, Field(min_length=1, pattern="^[^:]+$")] = DEFAULT_PROJECT
    token: Secret = "PT-simulator-token"  # noqa: S105  # not a real token
    subprojects: tuple[str, ...] = ()
    scopes: tuple[Literal["Voice", "Management"], ...] = ("Voice", "Management")
    signing_key: Secret = "simulator-signing-key"

    @functools.cached_property
    def credentials(self) -> bytes:
        """The credentials as HTTP Basic sends them."""
        return base64.b64encode(f"{self.project}:{self.token}".encode())
