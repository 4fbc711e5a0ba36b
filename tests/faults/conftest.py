"""Environments to run the cases in, and a runner."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from fault_environment import Environment
from fault_runner import LogByThread, Runner
from fault_scenarios import CASES

from airflow_provider_signalwire.client.flows import start as starting
from airflow_provider_signalwire.client.flows import wait as waiting
from airflow_provider_signalwire.client.policy import rate_limiter
from airflow_provider_signalwire.client.policy import retry as retrying
from airflow_provider_signalwire.operators import start_guard

_ENVIRONMENTS = 16


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Environment]]:
    with ExitStack() as opened:
        yield [
            opened.enter_context(Environment(tmp_path_factory.mktemp("environment"), f"signalwire_{number}"))
            for number in range(_ENVIRONMENTS)
        ]


@pytest.fixture(scope="module")
def log() -> Iterator[LogByThread]:
    """Log lines of every level."""
    log, root = LogByThread(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    yield log
    root.setLevel(level)
    root.removeHandler(log)


@pytest.fixture(scope="module")
def no_pauses() -> Iterator[None]:
    """Retry and poll without pauses, unless a response asks for one, and end cleanups early."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
        patch.setattr(rate_limiter, "_MAX_SPACING_SECONDS", 0.01)
        patch.setattr(waiting, "random", SimpleNamespace(uniform=lambda low, high: 0.0))
        patch.setattr(starting, "_CLEANUP_SECONDS", 0.02)
        patch.setattr(start_guard, "_CLEANUP_SECONDS", 0.3)  # a busy machine needs longer than 0.02 s for one request
        yield


@pytest.fixture(scope="module")
def runner(
    request: pytest.FixtureRequest, environments: list[Environment], log: LogByThread, no_pauses: None
) -> Runner:
    requested = [item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")]
    slow = [case for case in CASES if case.fault.takes_seconds and case.fault in requested]
    return Runner(environments, slow, log)
