"""The pace of requests, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.client import pacing
from airflow_provider_signalwire.client.pacing import Pace


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    # In this module only: the simulator in its thread sleeps, too.
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=clock.sleep))
    return clock


async def test_requests_are_evenly_spaced(clock: Clock) -> None:
    pace = Pace(10, clock=clock)
    turns = []
    for _ in range(31):
        await pace.turn()
        turns.append(clock.now - 1000)
    assert turns[-1] == pytest.approx(3.0)
    assert [later - sooner for sooner, later in itertools.pairwise(turns)] == pytest.approx([0.1] * 30)


async def test_what_was_missed_is_caught_up_with_only_in_part(clock: Clock) -> None:
    pace = Pace(100, clock=clock)
    await pace.turn()
    clock.now += 10
    started = clock.now
    for _ in range(100):
        await pace.turn()
    # 0.05 s worth of requests, five, may be caught up with; not the thousand that ten idle seconds would make.
    assert clock.now - started == pytest.approx(0.94)


async def test_pause_is_for_everybody_and_ends_at_the_pace(clock: Clock) -> None:
    pace = Pace(10, clock=clock)
    await pace.turn()
    pace.pause(5)
    pace.pause(3)
    await pace.turn()
    assert clock.now == pytest.approx(1005)
    await pace.turn()
    assert clock.now == pytest.approx(1005.1)


async def test_pause_holds_for_who_already_waits_for_a_turn() -> None:
    pace = Pace(20)
    loop = asyncio.get_running_loop()
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    started = loop.time()
    pace.pause(0.2)
    await waiting
    assert loop.time() - started >= 0.19
