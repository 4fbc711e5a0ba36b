"""A task's context, as far as the batch operators use it."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest


class FakeTaskInstance(SimpleNamespace):
    """Remembers what was pushed to XCom."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed = {**getattr(self, "pushed", {}), key: value}


@pytest.fixture
def context() -> dict[str, Any]:
    return {"ti": FakeTaskInstance()}


class Store:
    """Airflow's task state store, as far as it is used: JSON by key."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.retention: timedelta | None = None

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        self.values[key] = json.dumps(value)
        self.retention = retention

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@pytest.fixture
def store() -> Store:
    return Store()
