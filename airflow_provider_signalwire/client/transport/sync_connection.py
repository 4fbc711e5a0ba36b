"""How requests' adapter connects, sends and reads here: with one deadline per attempt, and with our own parser.

requests takes a connection from urllib3's pool, and urllib3 calls it in this order. Each step first asks the attempt
how much time is left.

1. ``_Connection.request`` connects, unless the connection is reused: ``_new_conn`` (DNS, TCP), ``_tunnel`` (only with a
   proxy), ``_TlsSocket.do_handshake``.
2. ``_Connection.send`` sends the request.
3. ``_Response.begin`` reads status and headers, ``_Response.read`` the body.
"""

from __future__ import annotations

import functools
import http.client
import logging
import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_signalwire.client.transport.attempt import TunnelRefused, current_attempt
from airflow_provider_signalwire.client.transport.response_parser import ResponseParser
from airflow_provider_signalwire.threads import call_in_thread

_READ_SIZE = 65536


class _Connection(HTTPConnection):
    """Records whether the request was sent, and keeps the attempt's deadline."""

    _unsent_body: bytes = b""

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

    def _new_conn(self) -> socket.socket:
        """Try a host's addresses one after the other; each gets its share of the time that is left."""
        attempt = current_attempt.get()
        addresses = _look_up(self._dns_host, self.port, attempt.remaining())
        for number, address in enumerate(addresses):
            left = len(addresses) - number
            try:
                return _connect(address, attempt.remaining() / left)
            except OSError:
                if left == 1:
                    raise
        raise OSError("No addresses")

    def _tunnel(self) -> None:
        """Ask the proxy for a tunnel. http.client would read its response line by line, without a deadline."""
        host = f"[{self._tunnel_host}]" if ":" in str(self._tunnel_host) else self._tunnel_host
        headers = {"Host": f"{host}:{self._tunnel_port}", **cast("Any", self)._tunnel_headers}
        fields = (f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"CONNECT {headers['Host']} HTTP/1.1\r\n{''.join(fields)}\r\n".encode("latin-1"))
        response = _Response(self, ResponseParser())
        try:
            response.begin()
        finally:
            response.close()
        if response.status != 200:
            raise TunnelRefused(response.status)

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

    def response_class(self, *args: Any, **options: Any) -> _Response:  # type: ignore[override]  # http.client calls it
        """Make what reads the response."""
        return _Response(self, current_attempt.get().parser)


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


class _Response(http.client.HTTPResponse):
    """A response that our own parser reads. requests and urllib3 see a status without headers, so they act on none."""

    def __init__(self, connection: _Connection, parser: ResponseParser) -> None:
        self._connection = connection
        self._sock = cast("socket.socket", connection.sock)
        self._parser = parser
        self._body: list[bytes] = []
        super().__init__(self._sock)

    def begin(self) -> None:
        """Read status line and headers."""
        while (head := self._parser.head) is None:
            self._receive()
        self.status, self.reason, self.version = head.status, "", 11
        self.headers = self.msg = http.client.HTTPMessage()
        self.will_close = False  # to http.client; read() closes a connection that cannot be reused

    def read(self, amt: int | None = None) -> bytes:
        """Read the whole body."""
        while not self._parser.complete:
            self._receive()
        if not self._parser.is_reusable or _has_more(self._sock):
            self._connection.close()
        self.close()
        return b"".join(self._body)

    def _receive(self) -> None:
        self._sock.settimeout(current_attempt.get().remaining())
        if data := self.fp.read1(_READ_SIZE):
            self._body.append(self._parser.feed(data))
        else:
            self._parser.feed_eof()


def _has_more(sock: Any) -> bool:
    """Return whether bytes came after the response that urllib3's TLS in TLS holds, where `select` cannot see them."""
    incoming: ssl.MemoryBIO | None = getattr(sock, "incoming", None)
    return incoming is not None and incoming.pending > 0


def _look_up(host: str, port: int, timeout: float) -> list[Any]:
    """Return a host's addresses; the system's own function knows no timeout, so a thread waits for it."""
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return call_in_thread(look_up, name="signalwire-dns", timeout=timeout)


def _connect(address_info: tuple[Any, ...], timeout: float) -> socket.socket:
    """Connect to one of a host's addresses."""
    family, kind, protocol, _, address = address_info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


class _HttpsConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Connection  # type: ignore[assignment]  # the base class is annotated with a protocol


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection  # type: ignore[assignment]  # likewise


def _is_of_another_library(record: logging.LogRecord) -> bool:
    """Return whether urllib3's log line is about no request of ours; the URL of one may hold telephone numbers."""
    return current_attempt.get(None) is None


logging.getLogger("urllib3.connectionpool").addFilter(_is_of_another_library)

_POOL_CLASSES = {"http": _HttpPool, "https": _HttpsPool}


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
        """Return the pools of connections through a proxy."""
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager = super().proxy_manager_for(proxy, **contexts, **kwargs)
        manager.pool_classes_by_scheme = _POOL_CLASSES
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the headers that only the proxy is sent."""
        return self._proxy_headers

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """Leave the TLS settings to the context: requests would load further certificates into it."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave the TLS settings to the context."""
