"""A log of the API requests received, without secrets, bounded by its size in memory."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

CAPACITY = 128 * 1024 * 1024  # bytes, estimated

_ENTRY_SIZE, _FIELD_SIZE = 600, 120  # bytes in memory beside the strings
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
        self.total = self._size = 0
        self._entries: collections.deque[tuple[int, Entry]] = collections.deque()

    def add(self, entry: Entry, body_size: int) -> None:
        """Append a request, and drop the oldest ones if the log is full."""
        size = _ENTRY_SIZE + len(entry.path) + len(entry.query) + body_size + _FIELD_SIZE * len(entry.form)
        self.total += 1
        self._size += size
        self._entries.append((size, entry))
        while self._size > CAPACITY:
            self._size -= self._entries.popleft()[0]

    def clear(self) -> None:
        """Drop all entries, one by one: to free many objects at once blocks every request."""
        while self._entries:
            self._entries.popleft()

    def entries(self, path_contains: str = "") -> Iterator[dict[str, object]]:
        """Yield the requests whose path, as it was sent, contains a string."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        found = (entry for _, entry in self._entries.copy() if path_contains in entry.path)
        return ({name: getattr(entry, name) for name in entry.__slots__} for entry in found)
