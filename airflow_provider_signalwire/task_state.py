"""What a task remembers for its next try or poke, in Airflow's task state store (3.3 and newer)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

log = logging.getLogger(__name__)


class TaskState:
    """One entry of the task state store. Failing to read or write it never fails the task; older versions have none.

    :param context: The task's context.
    :param key: The entry's key.
    :param retention: How long the entry is kept. Default: Airflow's ``[state_store] default_retention_days``.
    """

    def __init__(self, context: Any, key: str, *, retention: timedelta | None = None) -> None:
        self._store = context.get("task_state_store")
        self._key = key
        self._retention = retention

    @property
    def is_available(self) -> bool:
        """Whether this Airflow has a task state store."""
        return self._store is not None

    def load(self) -> dict[str, Any] | None:
        """Return the entry; None if there is none."""
        try:
            value = self._store.get(self._key) if self._store is not None else None
        except Exception as error:
            self._log_failure("read", error)
            return None
        return value if isinstance(value, dict) else None

    def save(self, value: dict[str, Any]) -> None:
        """Write the entry."""
        try:
            if self._store is not None:
                self._store.set(self._key, value, retention=self._retention)
        except Exception as error:
            self._log_failure("written", error)

    def clear(self) -> None:
        """Remove the entry."""
        try:
            if self._store is not None:
                self._store.delete(self._key)
        except Exception as error:
            self._log_failure("removed", error)

    def _log_failure(self, action: str, error: Exception) -> None:
        log.warning("The task state %r could not be %s (%r). The work goes on.", self._key, action, error)
