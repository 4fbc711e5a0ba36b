"""One HTTP request and its response, down to the connection."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.simulator.errors import ApiError

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.request_log import Entry
    from airflow_provider_signalwire.simulator.routing import Route

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON_TYPE = (b"content-type", b"application/json; charset=utf-8")

_WITHOUT_BODY = (204, 304)
# Of a UUID's length, at a tenth of its cost: unique beside other processes by the first part, in this one by the last.
_REQUEST_ID = str(uuid.uuid4())[:24]
_REQUEST_NUMBERS = itertools.count(1)


class ClientGoneError(Exception):
    """The client closed the connection."""


@dataclasses.dataclass(slots=True)
class Response:
    """An HTTP response; a body that is an iterator is made in another thread, part by part."""

    status: int
    body: Any = b""
    headers: Headers = dataclasses.field(default_factory=list)


def json_response(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(status, json.dumps(value).encode(), [JSON_TYPE, *encode_headers(headers or {})])


def error_response(error: ApiError, exchange: Exchange | None = None) -> Response:
    """Return the response for an error, in the shape that the request's route documents."""
    value = error.record()
    if exchange is not None and exchange.path.startswith("/_simulator"):
        value = {"error": " ".join(error.messages)}
    elif exchange is not None and exchange.route is not None and exchange.route.lists_errors and error.status == 400:
        value = error.listed_record()
    return json_response(error.status, value, error.headers)


def encode_headers(headers: dict[str, str]) -> Headers:
    """Return headers as bytes."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Read a request's body to its end; return None if it is larger than the limit.

    :raises ClientGoneError: if the client closes the connection first
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if size <= limit else None


class Exchange:
    """A request that has been read, and the ways to respond to it.

    :param scope: the request's ASGI scope
    :param receive: reports that the client has gone
    :param send: sends the response
    :param body: the request's body, or None if it was too large
    """

    def __init__(self, scope: Message, receive: Receive, send: Send, body: bytes | None) -> None:
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii", "replace")
        self.query: str = scope["query_string"].decode("latin-1")
        self.body = body
        self.authorization = b""
        self.content_type = ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value
            elif name == b"content-type":
                self.content_type = value.decode("latin-1")
        self.request_id = f"{_REQUEST_ID}{next(_REQUEST_NUMBERS):012x}"
        self.extra_headers: Headers = [(b"x-request-id", self.request_id.encode())]
        self.entry: Entry | None = None
        self.route: Route | None = None
        self.form: dict[str, str | list[str]] = {}

    async def start(self, status: int, headers: Headers, length: int | None) -> None:
        """Send the head of a response."""
        if self.entry is not None:
            self.entry.status = status
        if length is not None and status not in _WITHOUT_BODY:
            headers = [*headers, (b"content-length", str(length).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self.extra_headers]})

    async def send_body(self, part: bytes, *, more: bool = False) -> None:
        """Send a part of a response's body."""
        await self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        body = response.body
        if isinstance(body, bytes):
            await self.start(response.status, response.headers, len(body))
            await self.send_body(b"" if response.status in _WITHOUT_BODY else body)
            return
        await self.start(response.status, response.headers, None)
        while part := await asyncio.to_thread(next, body, b""):
            await self.send_body(part, more=True)
        await self.send_body(b"")

    async def pause(self, seconds: float) -> None:
        """Wait while the client does.

        :raises ClientGoneError: if the client closes the connection first
        """
        try:
            async with asyncio.timeout(seconds):
                await self._client_gone()
        except TimeoutError:
            return
        raise ClientGoneError

    async def reset(self) -> None:
        """Send a TCP reset, after what has been sent so far."""
        transport = self._transport
        # A transport has no event for an empty buffer.
        while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await self.abort()

    async def abort(self) -> None:
        """Send a TCP reset instead of what has not been sent yet."""
        if not self._transport.is_closing():
            # Without lingering, closing a socket sends RST instead of FIN.
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        await self._client_gone()

    async def _client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
