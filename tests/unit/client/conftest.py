"""Both clients behind the same methods, and a call with a stream to act on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.simulator.server import SimulatorServer

STREAM_NAME = "agent assist"


class SyncDriver:
    """Runs flows with the client for tasks."""

    name = "sync"

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    def run(self, flow: Flow[Any], **changes: Any) -> Any:
        with SignalWireClient(dataclasses.replace(self.settings, **changes)) as client:
            return client.run(flow)

    def first_calls(self, pager: RecordPager, count: int) -> list[str]:
        """Return the SIDs of the first calls of a list, or of all if there are fewer."""
        with SignalWireClient(self.settings) as client:
            return [call["sid"] for call, _ in zip(client.iterate(pager), range(count), strict=False)]


class AsyncDriver(SyncDriver):
    """Runs flows with the client for triggers and batches, each on a new event loop."""

    name = "async"

    def run(self, flow: Flow[Any], **changes: Any) -> Any:
        async def drive() -> Any:
            async with SignalWireAsyncClient(dataclasses.replace(self.settings, **changes)) as client:
                return await client.run(flow)

        return asyncio.run(drive())

    def first_calls(self, pager: RecordPager, count: int) -> list[str]:
        async def collect() -> list[str]:
            sids: list[str] = []
            async with SignalWireAsyncClient(self.settings) as client:
                async for call in client.iterate(pager):
                    sids.append(call["sid"])
                    if len(sids) == count:
                        break
            return sids

        return asyncio.run(collect())


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest, settings: ClientSettings) -> SyncDriver:
    """Each test that takes this runs with either client."""
    return request.param(settings)


@pytest.fixture
def run(driver: SyncDriver) -> Callable[..., Any]:
    """Run a flow to its end; keywords change the client's settings."""
    return driver.run


class Target(NamedTuple):
    """A call in progress, and a stream of it."""

    account_sid: str
    call_sid: str
    stream_sid: str
    stream_name: str

    @property
    def ids(self) -> tuple[str, str, str]:
        return self.account_sid, self.call_sid, self.stream_sid


@pytest.fixture
def target(simulator: SimulatorServer) -> Target:
    [call] = simulator.seed(streams=[{"name": STREAM_NAME}])
    [stream] = call["streams"]
    return Target(simulator.project, call["sid"], stream["sid"], stream["name"])
