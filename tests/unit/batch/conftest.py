"""A task's context, as far as the batch operators use it."""

from __future__ import annotations

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
