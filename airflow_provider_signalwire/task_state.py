"""What a task remembers for its next try or poke, in Airflow's task state store (3.3 and newer)."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import timedelta
from typing import Any

log = logging.getLogger(__name__)


class TaskState:
    """One entry of the task state store. Failing to read or write it never fails the task.

    :param context: The task's context, which has no store before Airflow 3.3.
    :param key: The entry's key.
    :param retention: How long the entry is kept. Default: Airflow's ``[state_store] default_retention_days``.
    """

    def __init__(self, context: Any, key: str, *, retention: timedelta | None = None) -> None:
        self._store = context.get("task_state_store")
        self._key = key
        self._retention = retention
        self._has_warned = False

    @property
    def is_available(self) -> bool:
        """Whether this Airflow has a task state store."""
        return self._store is not None

    def load(self, *, timeout: float | None = None) -> dict[str, Any] | None:
        """Return the entry; None if there is none, or none is read in time.

        :param timeout: Seconds to wait for Airflow. Default: until it responds.
        """
        if self._store is None:
            return None
        if timeout is None:
            return self._read()
        values: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=lambda: values.put(self._read()), name="signalwire-task-state", daemon=True).start()
        try:
            return values.get(timeout=timeout)
        except queue.Empty:
            self._log_failure("read", TimeoutError(f"no response in {timeout:g} s"))
            return None

    def save(self, value: dict[str, Any]) -> bool:
        """Write the entry, and return whether it was written."""
        try:
            if self._store is not None:
                self._store.set(self._key, value, retention=self._retention)
        except Exception as error:
            self._log_failure("written", error)
            return False
        return True

    def clear(self) -> None:
        """Remove the entry."""
        try:
            if self._store is not None:
                self._store.delete(self._key)
        except Exception as error:
            self._log_failure("removed", error)

    def _read(self) -> dict[str, Any] | None:
        try:
            value = self._store.get(self._key)
        except Exception as error:
            self._log_failure("read", error)
            return None
        return value if isinstance(value, dict) else None

    def _log_failure(self, action: str, error: Exception) -> None:
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        log.log(
            level,
            "The task state %r could not be %s (%s: %s). The work goes on, but a retry may repeat a part of it.",
            *(self._key, action, type(error).__name__, error),
        )
