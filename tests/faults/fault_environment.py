"""Where the matrix plays: a simulator, a door in front of it for what happens before HTTP, and another host."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest
from fault_courses import STREAMS_IN_BATCH, Cell
from fault_door import Door
from fault_list import ELSEWHERE, Fault
from fault_model import ATTEMPTS
from fault_secrets import TOKEN

from airflow_provider_signalwire.simulator.server import SimulatorServer

STREAM_NAME = "media"

# What is answered at all is answered within some milliseconds; only who meets a hanging answer has to wait so long.
_SHORT_TIMEOUT = 1.0
_SHORT_RETRY_TIME = 1.0

_STOPS = {"method": "POST", "path_contains": "/Streams/"}
_STARTS = {"method": "POST", "path_contains": "/Streams"}
_READS = {"method": "GET", "path_contains": "/Calls/"}


class Scene(NamedTuple):
    """What there is at the beginning: calls, and the SID of the stream that each has."""

    call_sids: list[str]
    stream_sids: list[str]


class Stage:
    """Sets the scene of a cell, and tells afterwards what has happened there.

    :param folder: a folder for certificates
    :param connection: the id of the Airflow connection to here
    """

    def __init__(self, folder: Path, connection: str) -> None:
        self.connection = connection
        self._folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.simulator = self._open.enter_context(SimulatorServer(token=TOKEN, answer_delay_ms=0, stop_delay_ms=0))
        self._elsewhere = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._elsewhere.setblocking(False)
        self._door = self._open.enter_context(Door(self.simulator.port, self._folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    @contextmanager
    def set_for(self, cell: Cell) -> Iterator[Scene]:
        """Put calls, streams, faults and the Airflow connection in place."""
        self.simulator.reset()
        scene = self._seed(cell)
        self.simulator.set_faults([*self._struck(cell), *_undisturbed_answers(cell)])
        self._failures = 0
        with pytest.MonkeyPatch.context() as patch:
            if cell.fault.distrusted:
                patch.setattr(self._door, "choose_tls", lambda: self._certificate(cell))
            if cell.fault.lookup is not None:
                patch.setattr(socket, "getaddrinfo", self._failing_lookup(cell))
            patch.setenv(f"AIRFLOW_CONN_{self.connection.upper()}", json.dumps(self._connection_to(cell.fault)))
            yield scene

    def requests(self) -> int:
        """Return how many requests the simulator has received."""
        return len(self.simulator.requests())

    def running_streams(self) -> int:
        """Return how many streams are running now."""
        return self.simulator.state.snapshot()["counts"]["running_streams"]

    def elsewhere_was_called(self) -> bool:
        """Tell whether anybody has connected to the other host."""
        try:
            self._elsewhere.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def _seed(self, cell: Cell) -> Scene:
        plan: dict[str, Any] = {"age_seconds": 3600, "streams": [{"name": STREAM_NAME}]}
        if cell.way.name in ("batch", "cleanup"):
            plan["count"] = STREAMS_IN_BATCH
        if cell.way.name in ("start", "call sensor"):
            plan["streams"] = []
        if cell.way.name == "call sensor" or cell.course.requests == ("stop", "call"):
            plan["status"] = "completed"
        calls = self.simulator.seed(**plan)
        return Scene([call["sid"] for call in calls], [stream["sid"] for call in calls for stream in call["streams"]])

    def _struck(self, cell: Cell) -> list[dict[str, Any]]:
        if not cell.fault.arrives:
            return []
        address = f"http://127.0.0.1:{self._elsewhere.getsockname()[1]}"
        played = json.loads(json.dumps(cell.fault.played).replace(ELSEWHERE, address))
        return [{**played, "skip": cell.course.at, "times": 1 if cell.once else None}]

    def _fails_before_http(self, cell: Cell) -> bool:
        """Tell whether what comes now has to meet the fault, and count it."""
        if cell.once and (self._failures or self.requests() != cell.course.at):
            return False
        self._failures += 1
        return True

    def _certificate(self, cell: Cell) -> ssl.SSLContext:
        return self._door.distrusted if self._fails_before_http(cell) else self._door.trusted

    def _failing_lookup(self, cell: Cell) -> Callable[..., Any]:
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if host != "localhost":
                return real(host, *args, **options)
            if self._fails_before_http(cell):
                raise socket.gaierror(cell.fault.lookup, "the lookup failed")
            return real("127.0.0.1", *args, **options)

        return getaddrinfo

    def _connection_to(self, fault: Fault) -> dict[str, Any]:
        host, extra = self.simulator.url, {}
        if fault.lookup is not None:
            host = f"http://localhost:{self._door.port}"
        if fault.distrusted:
            host, extra = f"https://127.0.0.1:{self._door.port}", {"ca_bundle": str(self._door.authority)}
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


def _undisturbed_answers(cell: Cell) -> list[dict[str, Any]]:
    """What SignalWire answers to the requests that meet no fault, where it is not what the simulator does at once."""
    if cell.course.requests == ("stop", "call", "stop"):
        return [{"match": _STOPS, "kind": "patch", "set": {"status": "queued"}}]
    if cell.course.requests == ("call", "call"):
        return [{"match": _READS, "kind": "patch", "set": {"status": "in-progress"}}]
    if cell.course.requests == ("start", "stop", "start"):
        return [{"match": _STARTS, "kind": "reset", "when": "after"}]
    return []
