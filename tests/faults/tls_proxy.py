"""A door before the simulator: each request comes over a connection of its own, with TLS or without."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme


class Door(socketserver.ThreadingTCPServer):
    """Passes requests on to a port of this machine, and their answers back.

    As no connection serves two requests, a name is looked up and a certificate is checked for each of them.

    :param inside: the port
    :param folder: where to put the certificate of the authority that is to be trusted
    """

    daemon_threads = True

    def __init__(self, inside: int, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.inside = inside
        self.port: int = self.server_address[1]
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.trusted = _tls(authority)
        self.distrusted = _tls(trustme.CA())
        self.choose_tls: Callable[[], ssl.SSLContext | None] = lambda: None
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def _tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


class _Passage(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        # Whoever breaks off, the client or the simulator, breaks off the whole.
        with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
            client: socket.socket = self.request
            tls = self.server.choose_tls()
            if tls is not None:
                client = open_sockets.enter_context(tls.wrap_socket(client, server_side=True))
            request = _read_request(client)
            inside = open_sockets.enter_context(socket.create_connection(("127.0.0.1", self.server.inside)))
            inside.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while part := inside.recv(65536):
                client.sendall(part)


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request or len(request) < _length(request):
        part = client.recv(65536)
        if not part:
            raise ConnectionAbortedError
        request += part
    return request


def _length(request: bytes) -> int:
    head = request.partition(b"\r\n\r\n")[0]
    lengths = [
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    return len(head) + len(b"\r\n\r\n") + sum(lengths)
