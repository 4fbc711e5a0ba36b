"""What a task remembers for its next try or poke, or for other tasks, in Airflow's state stores (3.3 and newer)."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from airflow_provider_signalwire.threads import call_in_thread

T = TypeVar("T")

log = logging.getLogger(__name__)


class TaskState:
    """One entry of the task state store. Failing to read or write it never fails the task.

    :param context: The task's context, which has no store before Airflow 3.3.
    :param key: The entry's key.
    :param asset: Use the state store of this inlet or outlet instead, which other tasks can read.
    :param retention: How long the entry is kept. Default: Airflow's ``[state_store] default_retention_days``.
    :param timeout: Seconds to wait for Airflow. A request that takes longer goes on in the background, and the next one
        begins when it has ended. Default: wait until Airflow responds.
    """

    def __init__(
        self,
        context: Any,
        key: str,
        *,
        asset: Any = None,
        retention: timedelta | None = None,
        timeout: float | None = None,
    ) -> None:
        self._store = context.get("task_state_store") if asset is None else context["asset_state_store"][asset]
        self._key = key
        self._options = {} if retention is None else {"retention": retention}
        self._timeout = timeout
        # One entry when the request in the background has ended.
        self._end: queue.SimpleQueue[None] | None = None
        self._has_warned = False

    @property
    def is_available(self) -> bool:
        """Whether this Airflow has a task state store."""
        return self._store is not None

    @property
    def is_busy(self) -> bool:
        """Whether Airflow has not responded to an earlier request yet."""
        return self._end is not None and self._end.empty()

    def load(self) -> dict[str, Any] | None:
        """Return the entry; None if there is none, or it cannot be read."""
        value = self._request("read", lambda: self._store.get(self._key))
        return value if isinstance(value, dict) else None

    def save(self, value: dict[str, Any]) -> bool:
        """Write the entry, and return whether it was written."""

        def write() -> bool:
            self._store.set(self._key, value, **self._options)
            return True

        return self._request("written", write) is not None

    def clear(self) -> None:
        """Remove the entry."""
        self._request("removed", lambda: self._store.delete(self._key))

    def _request(self, action: str, request: Callable[[], T]) -> T | None:
        if self._store is None:
            return None
        if self._timeout is None:
            return self._attempt(action, request)
        return self._attempt_in_background(action, request, self._timeout)

    def _attempt_in_background(self, action: str, request: Callable[[], T], timeout: float) -> T | None:
        """Send a request in a thread: a timeout of the task that interrupts it would leave its response unread."""
        previous, self._end = self._end, queue.SimpleQueue()
        end = self._end

        def run() -> T | None:
            if previous is not None:
                previous.get()
            try:
                return self._attempt(action, request)
            finally:
                end.put(None)

        try:
            return call_in_thread(run, name="signalwire-task-state", timeout=timeout)
        except TimeoutError as error:
            self._log_failure(action, error)
            return None

    def _attempt(self, action: str, request: Callable[[], T]) -> T | None:
        try:
            return request()
        except Exception as error:
            self._log_failure(action, error)
            return None

    def _log_failure(self, action: str, error: Exception) -> None:
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        log.log(
            level,
            "The state %r could not be %s (%s: %s). The work goes on, but a retry may repeat a part of it.",
            *(self._key, action, type(error).__name__, error),
        )
