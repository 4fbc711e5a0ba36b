"""Both clients over real HTTP: they carry out what flows yield, and nothing else reaches a server."""

from __future__ import annotations

import asyncio
import json

import pytest
from scripted import stream

from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.policy.steps import Pause, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import (
    SignalWireConnectionError,
    SignalWireRateLimitError,
    SignalWireResponseError,
    SignalWireServerError,
)

FAULTS = {
    "429": ({"kind": "status", "status": 429}, SignalWireRateLimitError),
    "502": ({"kind": "html", "status": 502}, SignalWireServerError),
    "reset after": ({"kind": "reset", "when": "after"}, SignalWireConnectionError),
    "hang": ({"kind": "hang"}, SignalWireConnectionError),
    "truncated": ({"kind": "truncate"}, SignalWireResponseError),
}


@pytest.mark.parametrize(("fault", "error_class"), FAULTS.values(), ids=FAULTS)
def test_transient_fault_is_retried(run, simulator, target, clock, fault, error_class):
    timeout = 0.3 if fault["kind"] == "hang" else 10
    simulator.set_faults([fault])
    assert run(stop_stream(*target.ids), timeout=timeout).record["status"] == "stopped"
    assert (len(simulator.requests()), len(clock.pauses)) == (2, 1)
    simulator.set_faults([fault])
    with pytest.raises(error_class) as caught:
        run(stop_stream(*target.ids), timeout=timeout, max_attempts=1)
    assert type(caught.value) is error_class


def test_client_counts_retries(settings, simulator, target, clock):
    async def stop():
        async with SignalWireAsyncClient(settings) as client:
            await client.run(stop_stream(*target.ids))
            return client.retries

    simulator.set_faults([{"kind": "status", "status": 503, "times": 2}])
    assert asyncio.run(stop()) == 2


def test_pages_are_fetched_when_they_are_needed(driver, simulator):
    sids = [simulator.seed(age_seconds=100 - number)[0]["sid"] for number in range(5)][::-1]
    first = endpoints.list_calls(simulator.project, page_size=2)
    assert driver.first_calls(RecordPager(first=first), 2) == sids[:2]
    assert len(simulator.requests()) <= 2
    assert driver.first_calls(RecordPager(first=first), 99) == sids


@pytest.mark.parametrize(("seconds", "paused"), [(4.981, 5.0), (4.99, 5.0), (4.999, 5.0), (5.001, 5.02)])
def test_pauses_that_end_at_about_the_same_time_end_together(settings, clock, monkeypatch, seconds, paused):
    def pausing():
        yield Pause(seconds)

    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    asyncio.run(SignalWireAsyncClient(settings).run(pausing()))
    assert clock.pauses == [pytest.approx(paused)]


def test_rate_limiter_is_asked_for_writes_and_notified_of_responses(settings, simulator, target, clock):
    events = []

    class Limiter(RateLimiter):
        async def __aenter__(self):
            events.append("wait")

        def on_rate_limited(self, retry_after, *, max_seconds):
            events.append(retry_after)

        def on_success(self):
            events.append("success")

    async def stop():
        async with SignalWireAsyncClient(settings, rate_limiter=Limiter(10, 1)) as client:
            await client.run(stop_stream(*target.ids))
            await client.run(send(endpoints.get_call(*target[:2])))

    simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "3"}}, {"kind": "reset"}])
    asyncio.run(stop())
    assert events == ["wait", 3, "wait", "wait", "success"]


def test_scripted_records_look_like_those_of_the_simulator(run, target):
    """The flows are tested with such records."""
    record = run(stop_stream(*target.ids)).record
    assert set(json.loads(stream("stopped").body)) == set(record)
