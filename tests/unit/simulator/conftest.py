"""A simulator for each test: one server for all of them, with a clock that the tests turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_signalwire.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBPROJECT = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000002"


class Clock:
    """Stands still until it is moved on."""

    START = 1_700_000_000.25

    def __init__(self) -> None:
        self.now = self.START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Api(requests.Session):
    """Requests by path below the account."""

    def __init__(self, server: SimulatorServer) -> None:
        super().__init__()
        self.trust_env = False
        self.server = server
        self.auth = (server.project, server.token)
        self.root = f"{server.url}/api/laml/2010-04-01"

    def request(self, method, url, **options):
        if not url.startswith("http"):
            url = f"{self.root}/Accounts/{self.server.project}{url}"
        return super().request(method, url, **{"timeout": 10, "allow_redirects": False, **options})

    def stop(self, call_sid: str, sid_or_name: str, **options) -> requests.Response:
        return self.post(f"/Calls/{call_sid}/Streams/{sid_or_name}", data={"Status": "stopped"}, **options)


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(subprojects=(SUBPROJECT,), clock=Clock()) as server:
        yield server


@pytest.fixture
def simulator(running_simulator: SimulatorServer) -> SimulatorServer:
    running_simulator.state.clock.now = Clock.START
    running_simulator.reset()
    return running_simulator


@pytest.fixture
def clock(simulator: SimulatorServer) -> Clock:
    return simulator.state.clock


@pytest.fixture
def api(simulator: SimulatorServer) -> Iterator[Api]:
    with Api(simulator) as session:
        yield session


@pytest.fixture
def call_sid(simulator: SimulatorServer) -> str:
    """A call in progress."""
    return simulator.seed()[0]["sid"]


@pytest.fixture
def subproject() -> str:
    return SUBPROJECT


@pytest.fixture
def make_api() -> Callable[[SimulatorServer], Api]:
    return Api


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Wait until a condition holds, and return what it found."""

    def wait(condition: Callable[[], object]) -> object:
        deadline = time.monotonic() + 10
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.002)
        return found

    return wait
