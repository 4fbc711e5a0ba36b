"""A task's context, as far as the batch operators use it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from task_runner import TaskStateStore


class FakeTaskInstance(SimpleNamespace):
    """Remembers what was pushed to XCom."""

    def xcom_push(self, key, value):
        self.pushed = {**getattr(self, "pushed", {}), key: value}


@pytest.fixture
def context():
    return {"ti": FakeTaskInstance()}


@pytest.fixture
def store():
    return TaskStateStore()


@pytest.fixture
def seed_rows(simulator):
    """Add calls with a stream each, and return the rows of a batch."""

    def seed(count):
        streams = [{"name": "audio", "url": "wss://bot.example.com/"}]
        calls = simulator.seed(count=count, age_seconds=3600, streams=streams)
        return [{"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]} for call in calls]

    return seed
