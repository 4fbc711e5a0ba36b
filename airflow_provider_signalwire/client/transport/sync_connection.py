"""The synchronous transport's connections: they record what was sent, keep deadlines and parse responses strictly."""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_signalwire.client.transport.attempt import Attempt, current_attempt

_READ_SIZE = 65536


class Adapter(HTTPAdapter):
    """The adapter of requests with our TLS context, proxy headers and connections.

    :param context: TLS context for SignalWire and the proxy.
    :param proxy_headers: Headers that only the proxy is sent.
    """

    def __init__(self, context: ssl.SSLContext, proxy_headers: dict[str, str]) -> None:
        self._context = context
        context.sslsocket_class = _TlsSocket
        self._proxy_headers = proxy_headers
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools of direct connections."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOL_CLASSES

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Create the pools of connections through a proxy."""
        if proxy not in self.proxy_manager:
            manager = super().proxy_manager_for(
                proxy, ssl_context=self._context, proxy_ssl_context=self._context, **kwargs
            )
            manager.pool_classes_by_scheme = _POOL_CLASSES
        return self.proxy_manager[proxy]

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the headers that only the proxy is sent."""
        return self._proxy_headers

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """Leave the TLS settings to the context: requests would load further certificates into it."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave the TLS settings to the context."""


class _TlsSocket(ssl.SSLSocket):
    """A TLS socket that keeps the attempt's deadline in its handshake, and when urllib3 reads TLS in TLS from it."""

    def do_handshake(self, *args: Any, **options: Any) -> None:
        """Do the handshake; it is one step with one timeout."""
        self.settimeout(current_attempt.get().remaining())
        super().do_handshake(*args, **options)

    def recv(self, *args: Any, **options: Any) -> bytes:
        """Receive once."""
        self.settimeout(current_attempt.get().remaining())
        return super().recv(*args, **options)


class _Reads(io.RawIOBase):
    """A socket's reads, each bounded by the attempt's deadline."""

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self._sock = sock
        self._attempt = attempt
        self._raw = cast("io.RawIOBase", sock.makefile("rb", buffering=0))

    def makefile(self, mode: str) -> io.BufferedReader:
        """Look like a socket to ``http.client.HTTPResponse``."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read once."""
        self._sock.settimeout(self._attempt.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Give up the socket; it is closed if its connection was closed, too."""
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that is read by our own parser instead of http.client's."""

    def __init__(self, connection: _Connection, sock: socket.socket, method: str | None) -> None:
        self._connection = connection
        self._attempt = current_attempt.get()
        self._parser = self._attempt.parser
        self._body = b""
        super().__init__(cast("socket.socket", _Reads(sock, self._attempt)), method=method)

    def begin(self) -> None:
        """Read status line and headers."""
        if self.headers is not None:
            return
        while (head := self._parser.head) is None:
            self._receive()
        self.code = self.status = head.status
        self.reason = ""
        self.version = 11
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in head.fields:
            if name != "content-encoding":  # urllib3 fails on more than five, even if it is not to decode the body
                self.headers[name] = value
        self.chunked = False  # to what reads from here
        self.length = None
        self.will_close = not head.keep_alive

    def read(self, amt: int | None = None) -> bytes:
        """Read what is there of the body, at most ``amt`` bytes; empty at the end."""
        while not self._body and not self._parser.complete:
            self._receive()
        chunk, self._body = self._body[:amt], self._body[amt:] if amt else b""
        if not self._body and self._parser.complete:
            self._finish()
        return chunk

    def _receive(self) -> None:
        if data := self.fp.read1(_READ_SIZE):
            self._body += self._parser.feed(data)
        else:
            self._parser.feed_eof()

    def _finish(self) -> None:
        if not self._parser.is_reusable:
            self._connection.close()
        self.close()


class _Connection(HTTPConnection):
    """Records whether the request was sent, and keeps the attempt's deadline."""

    _unsent_body: bytes = b""

    def response_class(  # type: ignore[override]  # a class in http.client, which only calls it
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> _Response:
        return _Response(self, sock, method)

    def request(  # type: ignore[override]  # urllib3's own options are passed on unchanged
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Connect, then send headers and body at once."""
        if self.is_closed:
            self.connect()
        current_attempt.get().connected = True
        self._unsent_body = body or b""
        super().request(method, url, None, headers, **options)

    def send(self, data: Any) -> None:
        """Send bytes of the request, or of the request for a tunnel."""
        data = memoryview(data + self._unsent_body)  # whose repr shows nothing
        self._unsent_body = b""
        attempt, sock = current_attempt.get(), cast("socket.socket", self.sock)
        while data:
            sock.settimeout(attempt.remaining())
            # TLS may write a part and then fail. Before the connection is made, the bytes are for the proxy.
            attempt.sent = attempt.connected
            data = data[sock.send(data) :]

    def _new_conn(self) -> socket.socket:
        """Try a host's addresses one after the other; each gets its share of the time that is left."""
        attempt = current_attempt.get()
        addresses = _look_up(self._dns_host, self.port, attempt.remaining())
        for left in range(len(addresses), 0, -1):
            family, kind, protocol, _, address = addresses[-left]
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(attempt.remaining() / left)
                sock.connect(address)
                sock.settimeout(attempt.remaining())
            except BaseException as error:
                sock.close()
                if left == 1 or not isinstance(error, OSError):
                    raise
            else:
                return sock
        raise OSError("No addresses")


class _HttpsConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Connection  # type: ignore[assignment]  # the base class is annotated with a protocol


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection  # type: ignore[assignment]  # likewise


_POOL_CLASSES = {"http": _HttpPool, "https": _HttpsPool}


def _look_up(host: str, port: int, timeout: float) -> list[Any]:
    """Return a host's addresses; the system's own function knows no timeout, so a thread waits for it."""
    results: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            results.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:
            results.put(error)

    threading.Thread(target=look_up, name="signalwire-dns", daemon=True).start()
    try:
        result = results.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
