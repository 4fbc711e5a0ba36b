"""A loopback server that sends the bytes a test chooses and keeps all bytes it receives."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

GOOD_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body; empty if the client closed the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (data := connection.recv(65536)):
            return received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        if not (data := connection.recv(65536)):
            break
        body += data
    return head + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Close a connection with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(connection, ssl.SSLSocket):
        connection = socket.socket(fileno=connection.detach())
    connection.close()


def stay_silent(server: RawServer, connection: socket.socket) -> None:
    """Read all and send nothing, until the client closes the connection."""
    while connection.recv(65536):
        pass


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on received bytes until either side closes its connection."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class RawServer:
    """Hands each connection to a function, in a new thread.

    :param serve: What to do with a connection; it is closed afterwards.
    :param context: Makes it a TLS server.
    :param port: Port to listen on; any free one by default.
    """

    def __init__(
        self, serve: Callable[[socket.socket], None], *, context: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.serve = serve
        self.connections = 0
        self.requests: list[bytes] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.origin = f"{'https' if context else 'http'}://{self.address}"
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.close_connections()
        for thread in self._threads:
            thread.join()

    def read_request(self, connection: socket.socket) -> bytes:
        """Read a request and keep it."""
        request = read_request(connection)
        if request:
            self.requests.append(request)
        return request

    def close_connections(self) -> None:
        """End what the connections wait for."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which may be in use

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        with contextlib.suppress(OSError):  # clients close connections at any time
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self.serve(connection)
        with contextlib.suppress(OSError):
            connection.close()
        self._open.discard(connection)
