"""The pace of requests, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.client.policy import rate_limiter as pacing
from airflow_provider_signalwire.client.policy.rate_limiter import Pace

A_MINUTE = 60.0


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
    pace.refused(5, at_most=A_MINUTE)
    pace.refused(3, at_most=A_MINUTE)
    await pace.turn()
    assert clock.now == pytest.approx(1005)
    await pace.turn()
    assert clock.now == pytest.approx(1005.05)  # half a turn was missed, and is caught up with
    await pace.turn()
    assert clock.now == pytest.approx(1005.15)


async def test_pause_is_no_longer_than_allowed(clock: Clock) -> None:
    pace = Pace(10, clock=clock)
    pace.refused(86_400, at_most=A_MINUTE)
    await pace.turn()
    assert clock.now == pytest.approx(1060)


async def test_pause_of_nothing_costs_no_turn(clock: Clock) -> None:
    pace = Pace(100, clock=clock)
    await pace.turn()
    clock.now += 0.04
    pace.refused(0, at_most=A_MINUTE)
    started = clock.now
    for _ in range(4):
        await pace.turn()
    assert clock.now == started  # what was missed before may still be caught up with


async def test_pause_holds_for_who_already_waits_for_a_turn() -> None:
    pace = Pace(20)
    loop = asyncio.get_running_loop()
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    started = loop.time()
    pace.refused(0.2, at_most=A_MINUTE)
    await waiting
    assert loop.time() - started >= 0.19


class TestRefusedWithoutRetryAfter:
    """The API need not say how long to wait: the batch finds it out."""

    async def pauses(self, pace: Pace, clock: Clock, refusals: int) -> list[float]:
        seconds = []
        for _ in range(refusals):
            pace.refused(None, at_most=A_MINUTE)
            started = clock.now
            await pace.turn()
            seconds.append(clock.now - started)
        return seconds

    async def test_pauses_grow_while_refusals_go_on(self, clock: Clock) -> None:
        pace = Pace(1e6, clock=clock)
        seconds = await self.pauses(pace, clock, 9)
        assert seconds == pytest.approx([0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, 5, 5], abs=1e-5)

    async def test_those_on_their_way_when_the_pause_begins_do_not_make_it_longer(self, clock: Clock) -> None:
        pace = Pace(1e6, clock=clock)
        for _ in range(100):
            pace.refused(None, at_most=A_MINUTE)
        started = clock.now
        await pace.turn()
        assert clock.now - started == pytest.approx(0.001)

    async def test_stray_refusals_among_good_answers_cost_next_to_nothing(self, clock: Clock) -> None:
        pace = Pace(1e6, clock=clock)
        total = 0.0
        for _ in range(100):
            total += sum(await self.pauses(pace, clock, 1))
            for _ in range(60):
                pace.accepted()
        assert total == pytest.approx(0.1, abs=0.02)

    async def test_limit_used_up_by_others_is_approached_from_below(self, clock: Clock) -> None:
        """Of 1,350 a second only 300 are free: few requests are refused, and most of what is free is used."""
        pace = Pace(1350, clock=clock)
        free, refilled, sent, refused = 300.0, clock.now, 0, 0
        while clock.now < 1060:
            await pace.turn()
            free, refilled = min(300.0, free + (clock.now - refilled) * 300), clock.now
            sent += 1
            if free >= 1:
                free -= 1
                pace.accepted()
            else:
                refused += 1
                pace.refused(None, at_most=A_MINUTE)
        assert (sent - refused) / 60 > 250
        assert refused / sent < 0.1
