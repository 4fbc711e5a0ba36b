"""A simulator for each test: one server for all of them, with a clock that the tests turn."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import jsonschema
import pytest
import requests

from airflow_provider_signalwire.simulator.compatibility.endpoints import API
from airflow_provider_signalwire.simulator.control import CONTROL
from airflow_provider_signalwire.simulator.native import CALLING
from airflow_provider_signalwire.simulator.routing import openapi_document
from airflow_provider_signalwire.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    """Stands still until it is moved on."""

    START = 1_700_000_000.25
    now = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def validate(method: str, response: requests.Response) -> None:
    """Compare a response with what the simulator's OpenAPI document says about it."""
    document = openapi_document(API, CALLING, CONTROL)
    for template, operations in document["paths"].items():
        if re.fullmatch(re.sub("{.+?}", "[^/]+", template), urlsplit(response.url).path) and method in operations:
            described = operations[method]["responses"].get(str(response.status_code), {})
            for media in described.get("content", {}).values():
                jsonschema.validate(response.json(), {**media["schema"], "components": document["components"]})


class Api(requests.Session):
    """Requests by path below the account; ``server`` may be replaced by another one of the same project."""

    def __init__(self, server: SimulatorServer) -> None:
        super().__init__()
        self.trust_env = False
        self.server = server
        self.auth = (server.project, server.token)

    def request(self, method, url, **options):
        if url.startswith("/_simulator"):
            url = self.server.url + url
        elif not url.startswith("http"):
            url = self.url(url)
        response = super().request(method, url, **{"timeout": 10, "allow_redirects": False, **options})
        if not self.server.faults():
            validate(method.lower(), response)
        return response

    def url(self, path: str, account: str | None = None) -> str:
        return f"{self.server.url}/api/laml/2010-04-01/Accounts/{account or self.server.project}{path}"

    def stop(self, call_sid: str, sid_or_name: str, **options) -> requests.Response:
        return self.post(f"/Calls/{call_sid}/Streams/{sid_or_name}", data={"Status": "stopped"}, **options)


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(subprojects=("5a1c0f6e-9d34-4b7a-8f21-c0ffee000002",), clock=Clock()) as server:
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
def eventually() -> Callable[[Callable[[], object]], object]:
    """Wait until a condition holds, and return what it found."""

    def wait(condition: Callable[[], object]) -> object:
        deadline = time.monotonic() + 10
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.002)
        return found

    return wait
