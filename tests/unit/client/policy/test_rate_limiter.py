"""The rate limiter, in an event loop whose clock moves only when all tasks sleep."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from scripted import lost, response, unsent
from virtual_time import run_in_virtual_time

from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.protocol.http import HttpRequest, HttpResult

REQUEST = HttpRequest(method="POST", target="/x", body=None, timeout=10)
A_MINUTE = 60.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def send(limiter: RateLimiter, seconds: float = 0.0, *, result: HttpResult | None = None) -> float:
    """Send a request that takes some seconds; return when it was sent.

    :param result: What comes of it; by default, nothing that changes the rate.
    """
    sent_at = 0.0

    async def attempt(request: HttpRequest) -> HttpResult:
        nonlocal sent_at
        sent_at = now()
        await asyncio.sleep(seconds)
        return result or lost()

    await limiter.send(attempt, REQUEST, max_pause=A_MINUTE)
    return sent_at


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        run_in_virtual_time(test(**arguments))

    return run


@in_virtual_time
async def test_slot_is_free_a_period_after_the_response() -> None:
    limiter = RateLimiter(2, 10)
    assert [await send(limiter, 1), await send(limiter, 3)] == [0, 1]
    assert await asyncio.gather(send(limiter), send(limiter)) == [11, 14]


@in_virtual_time
async def test_request_that_was_not_sent_does_not_count() -> None:
    for result, then in ((unsent(), 0), (lost(), 10)):
        limiter = RateLimiter(1, 10)
        await send(limiter, result=result)
        assert await send(limiter) == then


@in_virtual_time
async def test_responses_adjust_the_rate() -> None:
    limiter = RateLimiter(10, 10)
    await send(limiter, result=response(429, headers={"Retry-After": "3"}))
    assert await asyncio.gather(send(limiter, result=response(503)), send(limiter)) == [3, 3.001]
    await send(limiter)
    assert await asyncio.gather(send(limiter), send(limiter)) == [pytest.approx(3.001), pytest.approx(3.001)]


@in_virtual_time
async def test_pause_applies_to_all_requests_and_the_longest_wins() -> None:
    limiter = RateLimiter(10, 10)
    await send(limiter)
    limiter.on_rate_limited(5, max_pause=A_MINUTE)
    limiter.on_rate_limited(3, max_pause=A_MINUTE)
    # One after the other, a millisecond apart.
    assert await asyncio.gather(*(send(limiter) for _ in range(3))) == pytest.approx([5, 5.001, 5.002])


@in_virtual_time
async def test_pause_applies_to_requests_already_waiting() -> None:
    limiter = RateLimiter(1, 10)
    limiter.on_rate_limited(2, max_pause=A_MINUTE)
    waiting = asyncio.create_task(send(limiter))
    await asyncio.sleep(1)
    limiter.on_rate_limited(5, max_pause=A_MINUTE)
    assert await waiting == 6


@in_virtual_time
async def test_cancelled_request_gives_its_slot_back() -> None:
    limiter = RateLimiter(1, 10)
    limiter.on_rate_limited(2, max_pause=A_MINUTE)
    waiting = asyncio.create_task(send(limiter))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await send(limiter) == 2


@in_virtual_time
async def test_request_that_is_cancelled_while_it_is_sent_counts() -> None:
    limiter = RateLimiter(1, 10)
    sending = asyncio.create_task(send(limiter, 5))
    await asyncio.sleep(1)
    sending.cancel()
    assert await send(limiter) == 11


@in_virtual_time
async def test_pause_is_capped() -> None:
    limiter = RateLimiter(10, 10)
    limiter.on_rate_limited(86_400, max_pause=A_MINUTE)
    assert await send(limiter) == A_MINUTE


@in_virtual_time
async def test_retry_after_of_zero_still_backs_off() -> None:
    limiter = RateLimiter(10, 10)
    limiter.on_rate_limited(0, max_pause=A_MINUTE)
    assert await send(limiter) > 0


async def pauses(limiter: RateLimiter, refusals: int) -> list[float]:
    seconds = []
    for _ in range(refusals):
        limiter.on_rate_limited(None, max_pause=A_MINUTE)
        started = now()
        seconds.append(await send(limiter) - started)
    return seconds


@in_virtual_time
async def test_pauses_grow_with_each_429_without_retry_after() -> None:
    expected = [min(0.001 * 2**number, 5) for number in range(15)]
    assert await pauses(RateLimiter(100, 10), 15) == pytest.approx(expected)


@in_virtual_time
async def test_429s_to_requests_sent_before_the_pause_do_not_extend_it() -> None:
    limiter = RateLimiter(100, 10)
    for _ in range(100):
        limiter.on_rate_limited(None, max_pause=A_MINUTE)
    assert await send(limiter) == pytest.approx(0.001)


@in_virtual_time
async def test_rare_429s_cost_next_to_nothing() -> None:
    limiter = RateLimiter(1000, 10)
    total = 0.0
    for _ in range(100):
        total += sum(await pauses(limiter, 1))
        for _ in range(60):
            limiter.on_success()
    assert total == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("free", [300, 30])
@in_virtual_time
async def test_limit_shared_with_others_is_mostly_used_and_rarely_exceeded(free: int) -> None:
    """Others leave only a part: few requests are refused, and most of that part is used."""
    limiter = RateLimiter(13_500, 10)
    tokens, refilled, sent, refused = float(free), now(), 0, 0

    async def attempt(request: HttpRequest) -> HttpResult:
        nonlocal tokens, refilled, sent, refused
        await asyncio.sleep(0.05)
        tokens, refilled = min(float(free), tokens + (now() - refilled) * free), now()
        sent += 1
        is_refused = tokens < 1
        tokens -= not is_refused
        refused += is_refused
        return response(429 if is_refused else 200)

    async def work() -> None:
        while now() < 20:
            await limiter.send(attempt, REQUEST, max_pause=A_MINUTE)

    await asyncio.gather(*(work() for _ in range(128)))
    assert refused / sent < 0.25
    assert (sent - refused) / 20 > free * 0.8
