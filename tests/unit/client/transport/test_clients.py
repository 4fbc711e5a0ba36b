"""Both clients over real HTTP: they carry out what flows yield, and nothing else reaches a server."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import time

import pytest
from scripted import stream
from this_thread import only_in_this_thread

from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.policy.steps import Pause, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireRateLimitError


def run_sync(settings, flow):
    with SignalWireClient(settings) as client:
        return client.run(flow), client.retries


def run_async(settings, flow, **options):
    async def drive():
        async with SignalWireAsyncClient(settings, **options) as client:
            return await client.run(flow), client.retries

    return asyncio.run(drive())


def list_sync(settings, pager, limit):
    with SignalWireClient(settings) as client:
        return [call["sid"] for call in itertools.islice(client.iterate(pager), limit)]


def list_async(settings, pager, limit):
    async def collect():
        async with SignalWireAsyncClient(settings) as client:
            calls = client.iterate(pager)
            return [(await anext(calls))["sid"] for _ in range(limit)]

    return asyncio.run(collect())


@pytest.fixture
def target(simulator):
    """The ids of a running stream."""
    [call] = simulator.seed(streams=[{}])
    return simulator.project, call["sid"], call["streams"][0]["sid"]


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ({"kind": "status", "status": 429}, SignalWireRateLimitError),
        ({"kind": "reset", "when": "after"}, SignalWireConnectionError),
    ],
)
@pytest.mark.parametrize("run", [run_sync, run_async])
def test_transient_fault_is_retried(run, settings, simulator, target, clock, fault, error_class):
    simulator.set_faults([fault])
    result, retries = run(settings, stop_stream(*target))
    assert set(result.record) == set(json.loads(stream("stopped").body))  # the tests of flows use such records
    assert (result.record["status"], retries) == ("stopped", 1)
    assert (len(simulator.requests()), len(clock.pauses)) == (2, 1)
    simulator.set_faults([fault])
    with pytest.raises(error_class) as caught:
        run(dataclasses.replace(settings, max_attempts=1), stop_stream(*target))
    assert type(caught.value) is error_class


@pytest.mark.parametrize("first_calls", [list_sync, list_async])
def test_pages_are_fetched_when_they_are_needed(first_calls, settings, simulator):
    sids = [simulator.seed(age_seconds=100 - number)[0]["sid"] for number in range(5)][::-1]
    first = endpoints.list_calls(simulator.project, page_size=2)
    assert first_calls(settings, RecordPager(first=first), 2) == sids[:2]
    assert len(simulator.requests()) <= 2
    assert first_calls(settings, RecordPager(first=first), 5) == sids


def test_async_client_is_closed_after_its_block(settings, target):
    async def use_twice():
        async with SignalWireAsyncClient(settings) as client:
            await client.run(stop_stream(*target))
        with pytest.raises(RuntimeError, match="not open"):
            await client.run(stop_stream(*target))

    asyncio.run(use_twice())


@pytest.mark.parametrize(("seconds", "paused"), [(4.981, 5.0), (4.99, 5.0), (4.999, 5.0), (5.001, 5.02)])
def test_pauses_that_end_at_about_the_same_time_end_together(settings, clock, monkeypatch, seconds, paused):
    def pausing():
        yield Pause(seconds)

    monkeypatch.setattr("time.monotonic", only_in_this_thread(lambda: 1000.0, time.monotonic))
    asyncio.run(SignalWireAsyncClient(settings).run(pausing()))
    assert clock.pauses == [pytest.approx(paused)]


def test_writes_are_sent_by_the_rate_limiter(settings, simulator, target, clock):
    events = []

    class Limiter(RateLimiter):
        async def send(self, send, request, *, max_pause):
            result = await super().send(send, request, max_pause=max_pause)
            events.append((result.status, max_pause))
            return result

    def stop_and_read():
        yield from stop_stream(*target)
        yield from send(endpoints.get_call(*target[:2]))

    simulator.set_faults([{"kind": "status", "status": 429}, {"kind": "reset"}])
    run_async(settings, stop_and_read(), rate_limiter=Limiter(10, 1))
    assert events == [(status, settings.max_retry_seconds) for status in (429, None, 200)]
