"""Both clients behind the same methods, a clock that does not wait, and calls with streams to act on."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Clock:
    """Time as the test's own thread sees it: sleeping moves it on at once and is recorded."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.offset = 0.0

    def advance(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.offset += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """No test sleeps; the simulator, in its thread, keeps the real time."""
    clock, thread = Clock(), threading.get_ident()
    real_sleep, real_async_sleep = time.sleep, asyncio.sleep

    def sleep(seconds: float) -> None:
        clock.advance(seconds) if threading.get_ident() == thread else real_sleep(seconds)

    async def async_sleep(seconds: float, *args: Any) -> Any:
        # Libraries sleep for 0 seconds to let other tasks run.
        if seconds and threading.get_ident() == thread:
            clock.advance(seconds)
            seconds = 0
        return await real_async_sleep(seconds, *args)

    def shifted(read: Callable[[], float]) -> Callable[[], float]:
        return lambda: read() + (clock.offset if threading.get_ident() == thread else 0.0)

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("asyncio.sleep", async_sleep)
    monkeypatch.setattr("time.time", shifted(time.time))
    monkeypatch.setattr("time.monotonic", shifted(time.monotonic))
    return clock


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


class ReceivedRequest(NamedTuple):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Message


class StubServer(ThreadingHTTPServer):
    """A server that returns the same bytes for everything, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.received: list[ReceivedRequest] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b'{"sid": "stream", "status": "stopped"}')


class StubHandler(BaseHTTPRequestHandler):
    server: StubServer
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append(ReceivedRequest(self.command, self.path, self.headers))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_CONNECT = answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
