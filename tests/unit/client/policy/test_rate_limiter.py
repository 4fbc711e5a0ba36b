"""The rate limiter, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.client.policy import rate_limiter
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter

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
    monkeypatch.setattr(rate_limiter, "asyncio", SimpleNamespace(sleep=clock.sleep))
    return clock


async def test_requests_are_evenly_spaced(clock: Clock) -> None:
    limiter = RateLimiter(10, clock=clock)
    turns = []
    for _ in range(31):
        await limiter.acquire()
        turns.append(clock.now - 1000)
    assert turns[-1] == pytest.approx(3.0)
    assert [later - sooner for sooner, later in itertools.pairwise(turns)] == pytest.approx([0.1] * 30)


async def test_only_recently_missed_requests_are_caught_up(clock: Clock) -> None:
    limiter = RateLimiter(100, clock=clock)
    await limiter.acquire()
    clock.now += 10
    started = clock.now
    for _ in range(100):
        await limiter.acquire()
    # 0.05 s worth of requests, five, may be caught up; not the thousand of ten idle seconds.
    assert clock.now - started == pytest.approx(0.94)


async def test_pause_applies_to_all_requests_and_ends_at_the_rate(clock: Clock) -> None:
    limiter = RateLimiter(10, clock=clock)
    await limiter.acquire()
    limiter.on_rate_limited(5, max_seconds=A_MINUTE)
    limiter.on_rate_limited(3, max_seconds=A_MINUTE)
    await limiter.acquire()
    assert clock.now == pytest.approx(1005)
    await limiter.acquire()
    assert clock.now == pytest.approx(1005.05)  # half an interval was missed, and is caught up
    await limiter.acquire()
    assert clock.now == pytest.approx(1005.15)


async def test_pause_is_capped(clock: Clock) -> None:
    limiter = RateLimiter(10, clock=clock)
    limiter.on_rate_limited(86_400, max_seconds=A_MINUTE)
    await limiter.acquire()
    assert clock.now == pytest.approx(1060)


async def test_retry_after_of_zero_still_backs_off(clock: Clock) -> None:
    limiter = RateLimiter(100, clock=clock)
    await limiter.acquire()
    clock.now += 0.04
    limiter.on_rate_limited(0, max_seconds=A_MINUTE)
    started = clock.now
    await limiter.acquire()
    assert clock.now > started


async def test_pause_applies_to_requests_already_waiting() -> None:
    limiter = RateLimiter(20)
    loop = asyncio.get_running_loop()
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    started = loop.time()
    limiter.on_rate_limited(0.2, max_seconds=A_MINUTE)
    await waiting
    assert loop.time() - started >= 0.19


class TestRateLimitedWithoutRetryAfter:
    async def pauses(self, limiter: RateLimiter, clock: Clock, refusals: int) -> list[float]:
        seconds = []
        for _ in range(refusals):
            limiter.on_rate_limited(None, max_seconds=A_MINUTE)
            started = clock.now
            await limiter.acquire()
            seconds.append(clock.now - started)
        return seconds

    async def test_pauses_grow_with_each_429(self, clock: Clock) -> None:
        limiter = RateLimiter(1e6, clock=clock)
        seconds = await self.pauses(limiter, clock, 9)
        assert seconds == pytest.approx([0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, 5, 5], abs=1e-5)

    async def test_429s_to_requests_sent_before_the_pause_do_not_extend_it(self, clock: Clock) -> None:
        limiter = RateLimiter(1e6, clock=clock)
        for _ in range(100):
            limiter.on_rate_limited(None, max_seconds=A_MINUTE)
        started = clock.now
        await limiter.acquire()
        assert clock.now - started == pytest.approx(0.001)

    async def test_rare_429s_cost_next_to_nothing(self, clock: Clock) -> None:
        limiter = RateLimiter(1e6, clock=clock)
        total = 0.0
        for _ in range(100):
            total += sum(await self.pauses(limiter, clock, 1))
            for _ in range(60):
                limiter.on_success()
        assert total == pytest.approx(0.1, abs=0.02)

    async def test_limit_shared_with_others_is_used_without_exceeding_it(self, clock: Clock) -> None:
        """Of 1,350 a second only 300 are free: few requests are refused, and most of what is free is used."""
        limiter = RateLimiter(1350, clock=clock)
        free, refilled, sent, refused = 300.0, clock.now, 0, 0
        while clock.now < 1060:
            await limiter.acquire()
            free, refilled = min(300.0, free + (clock.now - refilled) * 300), clock.now
            sent += 1
            if free >= 1:
                free -= 1
                limiter.on_success()
            else:
                refused += 1
                limiter.on_rate_limited(None, max_seconds=A_MINUTE)
        assert (sent - refused) / 60 > 250
        assert refused / sent < 0.1
