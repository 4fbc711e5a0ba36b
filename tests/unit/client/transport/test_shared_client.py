"""The client that triggers share: cancelling one of its users at any moment leaves the others theirs."""

from __future__ import annotations

import asyncio
import gc
import itertools
import types
from collections.abc import Coroutine, Generator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_signalwire.client.flows.stop import StopResult, stop_stream
from airflow_provider_signalwire.client.transport.shared_client import _shared_clients, shared_client


@types.coroutine
def cancelled_at(moments: set[int], coroutine: Coroutine[Any, Any, StopResult]) -> Generator[Any, Any, StopResult]:
    """Run a coroutine whose task is cancelled at some of the moments at which it waits."""
    raised: BaseException | None = None
    for moment in itertools.count(1):
        try:
            future = coroutine.throw(raised) if raised else coroutine.send(None)
        except StopIteration as end:
            result: StopResult = end.value
            return result
        if moment in moments:
            task = asyncio.current_task()
            assert task
            task.cancel()
        try:
            raised = yield future
        except asyncio.CancelledError as cancellation:
            raised = cancellation
    raise AssertionError("unreachable")


@pytest.fixture
def stop(settings, simulator):
    """Stop a stream with the shared client, by a host name that has to be looked up."""
    [call] = simulator.seed(streams=[{"name": "media"}])
    settings = replace(settings, origin=settings.origin.replace("127.0.0.1", "localhost"))

    async def stop():
        async with shared_client(settings) as client:
            return await client.run(stop_stream(simulator.project, call["sid"], "media"))

    return stop


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (0, 1)])
async def test_user_that_is_cancelled_at_any_moment_leaves_the_others_their_client(stop, before, after, times):
    """It is cancelled once, or again at the next moment."""
    logged = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, details: logged.append(details))
    is_cancelled, moment = True, 0
    while is_cancelled:
        moment += 1
        victim = cancelled_at(set(range(moment, moment + times)), stop())
        users = [*(stop() for _ in range(before)), victim, *(stop() for _ in range(after))]
        ends = await asyncio.gather(*users, return_exceptions=True)
        is_cancelled = isinstance(ends.pop(before), asyncio.CancelledError)
        assert [end.outcome for end in ends] == ["stopped"] * (before + after)
        assert _shared_clients == {}
    assert moment > 5
    gc.collect()  # asyncio and aiohttp log what was neither closed nor awaited
    assert logged == []
