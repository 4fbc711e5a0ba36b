"""Settings for the tests of operators."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.operators import start_guard


@pytest.fixture(autouse=True)
def long_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow cleanups more than their 3 seconds, which a busy machine can need."""
    monkeypatch.setattr(start_guard, "_CLEANUP_SECONDS", 30.0)


@pytest.fixture
def call_sid(simulator, connection, no_backoff):
    """A call in progress."""
    [call] = simulator.seed()
    return call["sid"]
