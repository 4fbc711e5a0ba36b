"""A proxy in front of the simulator: it adds TLS, and it can process a start after it has responded."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import trustme
from raw_server import RawServer, read_request

_GATEWAY_TIMEOUT = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TlsProxy(RawServer):
    """Passes each request on over a new connection, so that names and certificates are checked each time.

    :param port: The simulator's port.
    :param folder: Receives the CA file to trust.
    """

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(self._pass_on)
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.trusted, self.distrusted = _tls(authority), _tls(trustme.CA())
        self.choose_tls: Callable[[], ssl.SSLContext | None] = lambda: None
        self.delays_start: Callable[[], bool] = lambda: False
        self._port = port
        self._delayed: list[bytes] = []

    def process_delayed(self) -> None:
        """Send the simulator the starts that were responded to without being processed."""
        while self._delayed:
            self._send(self._delayed.pop(0))

    def _pass_on(self, client: socket.socket) -> None:
        # If either side breaks the connection, the other one is broken, too.
        with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
            tls = self.choose_tls()
            if tls is not None:
                client = open_sockets.enter_context(tls.wrap_socket(client, server_side=True))
            request = read_request(client)
            if b"/Streams HTTP/" in request:
                self.process_delayed()
                if self.delays_start():
                    self._delayed.append(request)
                    client.sendall(_GATEWAY_TIMEOUT)
                    return
            client.sendall(self._send(request))

    def _send(self, request: bytes) -> bytes:
        response = b""
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while part := server.recv(65536):
                response += part
        return response


def _tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
