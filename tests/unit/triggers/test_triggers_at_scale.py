"""Many triggers in one triggerer: one pool of connections, spread looks, and nothing left when the last one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_signalwire.client.transport import shared_client as sharing
from airflow_provider_signalwire.client.transport.async_client import MAX_CONNECTIONS
from airflow_provider_signalwire.simulator.server import SimulatorServer
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

TRIGGERS = 300


@pytest.fixture
def connection(make_connection: Callable[..., str]) -> str:
    """A connection with patience: what is shown here is not how fast the machine is."""
    return make_connection(extra={"timeout": 30, "connect_timeout": 10})


@pytest.fixture
def slow_simulator(simulator: SimulatorServer) -> Iterator[SimulatorServer]:
    """A simulator that takes its time to answer and to stop, so that requests meet."""
    simulator.reset(latency_ms=20, stop_delay_ms=1500, answer_delay_ms=0)
    yield simulator
    simulator.reset(latency_ms=0, stop_delay_ms=0, answer_delay_ms=0)


def make_triggers(simulator: SimulatorServer, conn_id: str, count: int) -> list[CallStreamStoppedTrigger]:
    calls = simulator.seed(count=count, streams=[{"name": "audio", "url": "wss://bot.example.com/"}])
    return [
        CallStreamStoppedTrigger(
            call_sid=call["sid"],
            stream_sid="audio",
            account_sid=None,
            signalwire_conn_id=conn_id,
            poll_interval=0.3,
            deadline=time.time() + 60,
            last_status="queued",
        )
        for call in calls
    ]


async def outcome(trigger: CallStreamStoppedTrigger) -> str:
    [event] = [event async for event in trigger.run()]
    return str(event.payload["status"])


async def test_triggers_share_one_pool_that_closes_after_the_last(
    slow_simulator: SimulatorServer, connection: str
) -> None:
    triggers = make_triggers(slow_simulator, connection, TRIGGERS)
    most_sockets = 0
    of_others = slow_simulator.connections()  # a hook that another test has left may still keep one open

    def of_triggers() -> int:
        return sum(connection not in of_others for connection in slow_simulator.connections())

    async def watch() -> None:
        nonlocal most_sockets
        while True:
            most_sockets = max(most_sockets, of_triggers())
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    statuses = await asyncio.gather(*map(outcome, triggers))
    watching.cancel()
    assert statuses == ["success"] * TRIGGERS
    assert 1 < most_sockets <= MAX_CONNECTIONS
    assert sharing._shared_clients == {}
    deadline = time.monotonic() + 5
    while of_triggers() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert of_triggers() == 0


async def test_looks_are_spread(slow_simulator: SimulatorServer, connection: str) -> None:
    triggers = make_triggers(slow_simulator, connection, 50)
    await asyncio.gather(*map(outcome, triggers))
    second_looks = [request["timestamp"] for request in slow_simulator.requests() if request["method"] == "POST"][
        50:100
    ]
    assert max(second_looks) - min(second_looks) > 0.03


async def test_cancelled_trigger_leaves_the_others_their_client(
    slow_simulator: SimulatorServer, connection: str
) -> None:
    first, second = (asyncio.create_task(outcome(t)) for t in make_triggers(slow_simulator, connection, 2))
    while not slow_simulator.requests():
        await asyncio.sleep(0.01)
    first.cancel()
    assert await second == "success"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert sharing._shared_clients == {}
