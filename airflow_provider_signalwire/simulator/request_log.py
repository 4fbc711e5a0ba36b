"""A log of the API requests received, without secrets. It drops the oldest ones."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

CAPACITY = 150_000

_SECRET_FIELDS = frozenset({"AuthorizationBearerToken", "SipAuthPassword", "authorization_bearer_token"})


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One API request, without secrets, and the status of its response once there is one."""

    method: str
    path: str
    query: str
    form: Mapping[str, Any]
    timestamp: float
    request_id: str
    status: int | None = None  # stays None when the connection ends without a response
    fault: str | None = None

    def __post_init__(self) -> None:
        self.form = _redacted(self.form)


def _redacted(form: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: "redacted" if name in _SECRET_FIELDS else _redacted(value) if isinstance(value, dict) else value
        for name, value in form.items()
    }


class RequestLog:
    """The latest requests, oldest first, and how many there were in all."""

    def __init__(self) -> None:
        self.total = 0
        self._entries: collections.deque[Entry] = collections.deque(maxlen=CAPACITY)

    def add(self, entry: Entry) -> None:
        """Append a request."""
        self.total += 1
        self._entries.append(entry)

    def entries(self, path_contains: str = "") -> list[dict[str, object]]:
        """Return the requests whose path, as it was sent, contains a string."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        found = (entry for entry in self._entries.copy() if path_contains in entry.path)
        return [{name: getattr(entry, name) for name in entry.__slots__} for entry in found]
