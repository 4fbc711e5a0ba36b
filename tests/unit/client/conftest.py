"""Both transports behind one face, a clock that tests turn, and calls with streams to act on."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.stop import CallPager, Flow
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.simulator.server import SimulatorServer

STREAM_NAME = "agent assist"


# Short enough for a test that has to wait for it; what is answered at all is answered within a few milliseconds.
SHORT_TIMEOUT = 0.3


class SyncTransport:
    """Drives flows with the client on requests."""

    name = "sync"

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    def run(self, flow: Flow[Any], **changes: Any) -> Any:
        with SignalWireClient(dataclasses.replace(self.settings, **changes)) as client:
            return client.run(flow)

    def calls(self, pager: CallPager, *, take: int | None = None) -> list[str]:
        """Return the SIDs of a listing, or of its first calls only."""
        with SignalWireClient(self.settings) as client:
            return [call["sid"] for call in itertools.islice(client.iterate(pager), take)]


class AsyncTransport(SyncTransport):
    """Drives flows with the client on aiohttp, each on an event loop of its own."""

    name = "async"

    def run(self, flow: Flow[Any], **changes: Any) -> Any:
        async def drive() -> Any:
            async with SignalWireAsyncClient(dataclasses.replace(self.settings, **changes)) as client:
                return await client.run(flow)

        return asyncio.run(drive())

    def calls(self, pager: CallPager, *, take: int | None = None) -> list[str]:
        async def collect() -> list[str]:
            sids = []
            async with SignalWireAsyncClient(self.settings) as client:
                async for call in client.iterate(pager):
                    sids.append(call["sid"])
                    if len(sids) == take:
                        break
            return sids

        return asyncio.run(collect())


@pytest.fixture(params=[SyncTransport, AsyncTransport], ids=lambda transport: transport.name)
def transport(request: pytest.FixtureRequest, settings: ClientSettings) -> SyncTransport:
    """Each test that takes this is run with either client."""
    return request.param(settings)


@pytest.fixture
def run(transport: SyncTransport) -> Callable[..., Any]:
    """Drive a flow to its end; keywords change the client's settings."""
    return transport.run


@pytest.fixture
def timeout_for() -> Callable[[dict[str, Any]], float]:
    """The timeout to meet a fault with: a short one if the test has to wait for it."""
    return lambda fault: SHORT_TIMEOUT if fault["kind"] in ("hang", "slow") else 10


class Clock:
    """Time as the tests' own thread sees it: sleeping moves it on at once and is recorded."""

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


@pytest.fixture
def statuses(simulator: SimulatorServer) -> Callable[[], dict[str, str]]:
    """The streams there are, by name, with the status of the latest of each."""
    return lambda: {stream["name"]: stream["status"] for stream in simulator.state.snapshot()["streams"]}


@pytest.fixture
def refused_origin() -> Iterator[str]:
    """An address at which nobody listens, and nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Another host: it takes connections, and a test can see whether there was one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


class ReceivedRequest(NamedTuple):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Message


class StubServer(ThreadingHTTPServer):
    """A server that answers everything with the same bytes, and keeps what it was sent."""

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
