"""What the fault matrix needs: stages to play on, and a player."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from fault_courses import Cell
from fault_play import LogByThread, Player
from fault_stage import Stage

from airflow_provider_signalwire.client.flows import start as starting
from airflow_provider_signalwire.client.flows import wait as waiting
from airflow_provider_signalwire.client.policy import rate_limiter as pacing
from airflow_provider_signalwire.client.policy import retry as retrying

_STAGES = 8


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stage]]:
    with ExitStack() as opened:
        yield [
            opened.enter_context(Stage(tmp_path_factory.mktemp("stage"), f"signalwire_{number}"))
            for number in range(_STAGES)
        ]


@pytest.fixture(scope="module")
def log() -> Iterator[LogByThread]:
    """All that is logged, at every level."""
    log, root = LogByThread(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    yield log
    root.setLevel(level)
    root.removeHandler(log)


@pytest.fixture(scope="module")
def no_pauses() -> Iterator[None]:
    """Let attempts and looks follow each other at once, but where SignalWire asks for a wait."""
    no_jitter = SimpleNamespace(uniform=lambda low, high: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
        patch.setattr(pacing, "_LONGEST_OWN_PAUSE_SECONDS", 0.01)
        patch.setattr(starting, "random", no_jitter)
        patch.setattr(waiting, "random", no_jitter)
        yield


@pytest.fixture(scope="module")
def player(request: pytest.FixtureRequest, stages: list[Stage], log: LogByThread, no_pauses: None) -> Player:
    wanted = [item.callspec.params.get("cell") for item in request.session.items if hasattr(item, "callspec")]
    return Player(stages, [cell for cell in wanted if isinstance(cell, Cell) and cell.fault.is_waited_for], log)
