"""A record of the requests the API was sent, for tests to look at. Secrets are never in it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

CAPACITY = 200_000
REDACTED = "redacted"
SECRET_FIELDS = ("AuthorizationBearerToken", "SipAuthPassword")

Form = Mapping[str, "str | list[str]"]


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One request, and the status of its answer once there is one."""

    method: str
    path: str
    query: str
    form: Form
    timestamp: float
    request_id: str
    status: int | None = None  # stays None when the connection ends without an answer
    fault: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the entry for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """The latest requests, oldest first, and how many there were in all."""

    def __init__(self) -> None:
        self.total = 0
        self._entries: collections.deque[Entry] = collections.deque(maxlen=CAPACITY)

    def add(self, entry: Entry) -> None:
        """Note a request."""
        for name in SECRET_FIELDS:
            if name in entry.form:
                entry.form = {**entry.form, name: REDACTED}
        self.total += 1
        self._entries.append(entry)

    def entries(self, path_contains: str = "") -> list[dict[str, object]]:
        """Return the requests whose path, as it was sent, contains a text."""
        # Copying the deque first is one step of the interpreter: another thread may be adding to it.
        return [entry.as_dict() for entry in self._entries.copy() if path_contains in entry.path]

    def clear(self) -> None:
        """Forget everything."""
        self.total = 0
        self._entries.clear()
