"""A task's context, as far as the batch operators use it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from task_runner import TaskStateStore


class FakeTaskInstance(SimpleNamespace):
    """Remembers what was pushed to XCom."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed = {**getattr(self, "pushed", {}), key: value}


@pytest.fixture
def context() -> dict[str, Any]:
    return {"ti": FakeTaskInstance()}


class Store(TaskStateStore):
    """Knows how long its last entry is to be kept."""

    retention: timedelta | None = None

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        super().set(key, value)
        self.retention = retention


@pytest.fixture
def store() -> Store:
    return Store()
