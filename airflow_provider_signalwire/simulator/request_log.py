"""A log of the API requests received, without secrets, bounded by its size in memory."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

CAPACITY = 128 * 1024 * 1024
_ENTRY_SIZE = 600  # bytes of an entry in memory beside its strings
_FIELD_SIZE = 120
_SECRET_FIELDS = ("AuthorizationBearerToken", "SipAuthPassword")

Form = Mapping[str, "str | list[str]"]


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One request, and the status of its response once there is one."""

    method: str
    path: str
    query: str
    form: Form
    timestamp: float
    request_id: str
    status: int | None = None  # stays None when the connection ends without a response
    fault: str | None = None

    def __post_init__(self) -> None:
        for name in _SECRET_FIELDS:
            if name in self.form:
                self.form = {**self.form, name: "redacted"}

    def as_dict(self) -> dict[str, object]:
        """Return the entry for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class RequestLog:
    """The latest requests, oldest first, and how many there were in all."""

    def __init__(self) -> None:
        self.clear()

    def add(self, entry: Entry, body_size: int) -> None:
        """Append a request, and drop the oldest ones if the log is full."""
        size = _ENTRY_SIZE + len(entry.path) + len(entry.query) + body_size + _FIELD_SIZE * len(entry.form)
        self.total += 1
        self._size += size
        self._entries.append((size, entry))
        while self._size > CAPACITY:
            self._size -= self._entries.popleft()[0]

    def entries(self, path_contains: str = "") -> Iterator[dict[str, object]]:
        """Yield the requests whose path, as it was sent, contains a string."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        return (entry.as_dict() for _, entry in self._entries.copy() if path_contains in entry.path)

    def clear(self) -> None:
        """Forget everything."""
        self.total = self._size = 0
        self._entries: collections.deque[tuple[int, Entry]] = collections.deque()
