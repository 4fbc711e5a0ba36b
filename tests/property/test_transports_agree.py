"""Whatever bytes arrive, both transports return the same response or report the same failure."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw_server import GOOD_RESPONSE, RawServer, reset
from responses_on_the_wire import pieces
from transports import Async, Sync, settings_for

from airflow_provider_signalwire.client.protocol.http import FailedAttempt

EXAMPLES = int(os.environ.get("TRANSPORT_EXAMPLES", "120"))
# Only an unfinished response waits for it. On a busy machine, a complete one may, too: see below.
TIMEOUT, LONG_TIMEOUT = 0.1, 3
ENDS = ["close", "reset", "open"]
HEADERS = ("retry-after", "date", "x-request-id", "x-signalwire-request-id", "request-id")


class Script:
    """Answers the first request with given pieces, and all others with a good response."""

    def __init__(self) -> None:
        self.server = RawServer(self.serve)

    def prepare(self, pieces: list[bytes], end: str) -> None:
        self.pieces, self.end = pieces, end
        self.done = threading.Event()
        self.requests = self.connections = 0

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        while self.server.read_request(connection):
            self.requests += 1
            if self.requests > 1:
                connection.sendall(GOOD_RESPONSE)
                continue
            try:
                for piece in self.pieces:
                    connection.sendall(piece)
                    time.sleep(0.0005)  # so that the client reads the next piece separately
                if self.end != "open":
                    reset(connection) if self.end == "reset" else connection.close()
                    return
            finally:
                self.done.set()


def outcome_of(attempt: Callable[..., Any], timeout: float) -> tuple[Any, ...]:
    result = attempt(timeout=timeout)
    facts = (result.kind, result.sent, result.reason) if isinstance(result, FailedAttempt) else (result.body,)
    return *facts, result.status, *(result.headers.get(name) for name in HEADERS)


def observe(transport: type[Sync], script: Script, timeout: float = TIMEOUT) -> tuple[Any, ...]:
    """Send two requests; return what came of them, and how many connections and requests it took."""
    with transport(settings_for(script.server.origin)) as client:
        first = outcome_of(client.attempt, timeout)
        script.done.wait(5)
        client.settle()
        second = outcome_of(client.attempt, timeout)
        counts = script.connections, script.requests
    script.server.close_connections()
    return first, second, counts


def test_both_transports_read_any_bytes_alike():
    script = Script()

    @settings(max_examples=EXAMPLES, derandomize="TRANSPORT_EXAMPLES" not in os.environ)
    @given(sent=pieces(), end=st.sampled_from(ENDS))
    @example(sent=[b"HTTP/1.1 200 OK\r\n\r\n", b"ok"], end="close")
    @example(sent=[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"], end="close")
    @example(sent=[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n", b"ok\r\n0\r\n\r\n"], end="open")
    @example(sent=[GOOD_RESPONSE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")], end="open")
    @example(sent=[GOOD_RESPONSE, b"x"], end="open")
    def agree(sent, end):
        def outcomes(script, timeout):
            for transport in (Sync, Async):
                script.prepare(sent, end)
                yield observe(transport, script, timeout)

        sync, other = outcomes(script, TIMEOUT)
        # The server always listens: a connection that fails ran out of time, too.
        if sync != other and any(kind in str((sync, other)) for kind in ("'timeout'", "'connect'")):
            # Another server, because the first may still have a request of a client that gave up.
            with (again := Script()).server:
                sync, other = outcomes(again, LONG_TIMEOUT)
        assert sync == other

    with script.server:
        agree()
