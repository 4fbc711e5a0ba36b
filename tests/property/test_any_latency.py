"""At any latency, no period contains more requests than the rate limiter allows, by the server's clock."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import lost, response, unsent
from virtual_time import run_in_virtual_time

from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.protocol.http import HttpRequest, HttpResult

REQUEST = HttpRequest(method="POST", target="/x", body=None, timeout=10)
MAX_LATENCY = 2.0

# How long a request travels until the server counts it, and how long its response takes.
latencies = st.tuples(st.floats(0, MAX_LATENCY), st.floats(0, MAX_LATENCY))


async def arrivals(limiter: RateLimiter, trips: list[tuple[float, float]], concurrency: int) -> list[float]:
    """Send a request for each trip; return the times at which the server counted them."""
    counted = []
    remaining = iter(enumerate(trips))

    async def attempt(number: int, there: float, back: float, request: HttpRequest) -> HttpResult:
        if number % 7 == 6:
            return unsent()
        await asyncio.sleep(there)
        counted.append(asyncio.get_running_loop().time())
        await asyncio.sleep(back)
        return lost() if number % 5 == 4 else response(200)

    async def work() -> None:
        for number, trip in remaining:
            await limiter.send(partial(attempt, number, *trip), REQUEST, max_pause=60)

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return sorted(counted)


@settings(max_examples=120)
@given(
    trips=st.lists(latencies, min_size=1, max_size=60),
    max_requests=st.integers(1, 12),
    period=st.floats(0.05, 10),
    concurrency=st.integers(1, 20),
)
def test_no_period_has_more_requests_than_allowed(
    trips: list[tuple[float, float]], max_requests: int, period: float, concurrency: int
) -> None:
    async def main() -> tuple[list[float], float]:
        counted = await arrivals(RateLimiter(max_requests, period), trips, concurrency)
        return counted, asyncio.get_running_loop().time()

    counted, ended = run_in_virtual_time(main())
    spans = [later - sooner for sooner, later in zip(counted, counted[max_requests:], strict=False)]
    assert all(span >= period - 1e-9 for span in spans)
    assert len(counted) == sum(number % 7 != 6 for number in range(len(trips)))

    # Nor is the limiter slower than its promise demands.
    rounds = -(-len(trips) // min(max_requests, concurrency))
    assert ended <= rounds * 2 * MAX_LATENCY + (len(trips) - 1) // max_requests * period + 1e-6


def test_many_requests_use_each_period_in_full() -> None:
    """6,000 requests, 128 at a time, take three bursts and the two periods between them."""
    trips = list(itertools.islice(itertools.cycle([(0.02, 0.03), (0.03, 0.02), (0.001, 0.049)]), 6_000))

    async def main() -> list[float]:
        return await arrivals(RateLimiter(2_700, 10), trips, 128)

    counted = run_in_virtual_time(main())
    assert all(later - sooner >= 10 for sooner, later in zip(counted, counted[2_700:], strict=False))
    assert counted[-1] - counted[0] < 25
