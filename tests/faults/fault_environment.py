"""Where the cases run: a simulator, a proxy in front of it for what happens before HTTP, and another host."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from fault_list import ELSEWHERE, Fault
from fault_model import ATTEMPTS
from fault_scenarios import STREAM_NAME, STREAMS_IN_BATCH, Case, Seeded
from fault_secrets import TOKEN
from simulated import STARTS, call_returns, stop_returns
from tls_proxy import TlsProxy

from airflow_provider_signalwire.simulator.server import SimulatorServer

# A response takes some milliseconds; only a case without a response has to wait so long.
_SHORT_TIMEOUT = 1.0
_SHORT_RETRY_TIME = 2.5


class Environment:
    """Prepares a case, and returns afterwards what happened.

    :param folder: A folder for certificates.
    :param connection: The id of the Airflow connection to the simulator.
    """

    def __init__(self, folder: Path, connection: str) -> None:
        self.connection = connection
        self._folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.simulator = self._open.enter_context(SimulatorServer(token=TOKEN, answer_delay_ms=0, stop_delay_ms=0))
        self._elsewhere = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._elsewhere.setblocking(False)
        self._proxy = self._open.enter_context(TlsProxy(self.simulator.port, self._folder))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    @contextmanager
    def prepared_for(self, case: Case) -> Iterator[Seeded]:
        """Set up calls, streams, faults and the Airflow connection."""
        self.simulator.reset()
        seeded = self._seed(case)
        self.simulator.set_faults([*self._faults(case), *_undisturbed_responses(case)])
        self._failures = 0
        with pytest.MonkeyPatch.context() as patch:
            if case.fault.is_distrusted:
                patch.setattr(self._proxy, "choose_tls", lambda: self._certificate(case))
            if case.fault.is_late:
                patch.setattr(self._proxy, "delays_start", lambda: self._fails_before_http(case))
            if case.fault.lookup is not None:
                patch.setattr(socket, "getaddrinfo", self._failing_lookup(case))
            patch.setenv(f"AIRFLOW_CONN_{self.connection.upper()}", json.dumps(self._connection_to(case.fault)))
            yield seeded
            self._proxy.process_delayed()

    def requests(self) -> int:
        """Return how many requests the simulator has received."""
        return len(self.simulator.requests())

    def running_streams(self) -> int:
        """Return how many streams are running now."""
        return int(self.simulator.state.snapshot()["counts"]["running_streams"])

    def elsewhere_was_called(self) -> bool:
        """Return whether a client has connected to the other host."""
        try:
            self._elsewhere.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def _seed(self, case: Case) -> Seeded:
        plan: dict[str, Any] = {"age_seconds": 3600, "streams": [{"name": STREAM_NAME}]}
        if case.scenario.name in ("batch", "cleanup"):
            plan["count"] = STREAMS_IN_BATCH
        if case.scenario.name in ("start", "call sensor"):
            plan["streams"] = []
        if case.scenario.name == "call sensor" or case.requests == ("stop", "call"):
            plan["status"] = "completed"
        calls = self.simulator.seed(**plan)
        return Seeded([call["sid"] for call in calls], [stream["sid"] for call in calls for stream in call["streams"]])

    def _faults(self, case: Case) -> list[dict[str, Any]]:
        if not case.fault.arrives:
            return []
        address = f"http://127.0.0.1:{self._elsewhere.getsockname()[1]}"
        simulated = json.loads(json.dumps(case.fault.simulated).replace(ELSEWHERE, address))
        return [{**simulated, "skip": case.at, "times": 1 if case.is_once else None}]

    def _fails_before_http(self, case: Case) -> bool:
        """Return whether the next request has to meet the fault, and count it."""
        if case.is_once and (self._failures or self.requests() != case.at):
            return False
        self._failures += 1
        return True

    def _certificate(self, case: Case) -> ssl.SSLContext:
        return self._proxy.distrusted if self._fails_before_http(case) else self._proxy.trusted

    def _failing_lookup(self, case: Case) -> Callable[..., Any]:
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if host != "localhost":
                return real(host, *args, **options)
            if self._fails_before_http(case):
                raise socket.gaierror(case.fault.lookup, "the lookup failed")
            return real("127.0.0.1", *args, **options)

        return getaddrinfo

    def _connection_to(self, fault: Fault) -> dict[str, Any]:
        host, extra = self.simulator.url, {}
        if fault.is_late:
            host = self._proxy.origin
        if fault.lookup is not None:
            host = self._proxy.origin.replace("127.0.0.1", "localhost")
        if fault.is_distrusted:
            host, extra = self._proxy.origin.replace("http:", "https:"), {"ca_bundle": str(self._proxy.authority)}
        return {
            "conn_type": "signalwire",
            "host": host,
            "login": self.simulator.project,
            "password": self.simulator.token,
            "extra": {
                "timeout": _SHORT_TIMEOUT if fault.takes_time else 10,
                "max_attempts": ATTEMPTS,
                "max_retry_seconds": _SHORT_RETRY_TIME if fault.waits_too_long else 60,
                **extra,
            },
        }


def _undisturbed_responses(case: Case) -> list[dict[str, Any]]:
    """Return SignalWire's responses to the requests that meet no fault, where the simulator's own differ."""
    if case.requests == ("stop", "call", "stop"):
        return stop_returns("queued")
    if case.requests == ("call", "call"):
        return call_returns("in-progress")
    if case.requests == ("start", "stop", "start"):
        return [{"match": STARTS, "kind": "reset", "when": "after"}]
    return []
