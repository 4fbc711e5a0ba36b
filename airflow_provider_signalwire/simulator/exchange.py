"""One HTTP request, its response and its connection."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow_provider_signalwire.simulator.errors import ApiError
from airflow_provider_signalwire.simulator.routing import Router

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}
_MAX_QUERY = 16 * 1024
_WITHOUT_BODY = (204, 304)


class ClientGoneError(Exception):
    """The client closed the connection."""


@dataclasses.dataclass(slots=True)
class Response:
    """An HTTP response, JSON by default."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=lambda: _JSON_TYPE)


def json_response(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(status, json.dumps(value).encode(), {**_JSON_TYPE, **(headers or {})})


class Exchange:
    """A request to one of the APIs, and methods to respond to it.

    ``receive`` returns the request's body, and then reports that the client has gone.
    """

    def __init__(self, scope: Message, receive: Receive, send: Send, router: Router) -> None:
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._receive = receive
        self._send = send
        self.router = router
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii", "replace")
        self.query: str = scope["query_string"].decode("latin-1")
        headers = dict(scope["headers"])
        self.authorization: bytes = headers.get(b"authorization", b"")
        self.content_type: str = headers.get(b"content-type", b"").decode("latin-1")
        self.request_id = str(uuid.uuid4())
        self.extra_headers = {"X-Request-Id": self.request_id}
        self.log_entry: dict[str, Any] = {}
        self.form: Any = {}
        self.form_error: ApiError | None = None
        self.refusal: ApiError | None = None  # has priority over all other errors

    async def read(self) -> None:
        """Read the whole body, and keep the error if it is invalid.

        :raises ClientGoneError: if the client closes the connection first
        """
        body, has_more = b"", True
        while has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            has_more = message.get("more_body", False)
            if len(body) + len(part) > self.router.max_body:
                self.refusal = ApiError(413, "The body is too large.")
            body = b"" if self.refusal else body + part
        if len(self.query) > _MAX_QUERY and self.refusal is None:
            self.refusal = ApiError(414, "The query is too long.")
        try:
            if body:
                self.form = self.router.read_body(self.content_type, body)
        except ApiError as error:
            self.form_error = error

    def error_response(self, error: ApiError) -> Response:
        """Return the response for an error, in the shape that is documented for the request."""
        shape = self.router.error_shape(self.method, self.path, error.status)
        return json_response(error.status, error.body(shape), error.headers)

    async def start(self, response: Response) -> None:
        """Send the head of a response."""
        self.log_entry["status"] = response.status
        headers = {**response.headers, **self.extra_headers}
        if response.status not in _WITHOUT_BODY:
            headers["Content-Length"] = str(len(response.body))
        encoded = [
            (name.lower().encode("latin-1"), text.encode("latin-1", "replace")) for name, text in headers.items()
        ]
        await self._send({"type": "http.response.start", "status": response.status, "headers": encoded})

    async def send_body(self, part: bytes, *, more: bool = False) -> None:
        """Send a part of a response's body."""
        await self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        await self.start(response)
        await self.send_body(b"" if response.status in _WITHOUT_BODY else response.body)

    async def pause(self, seconds: float) -> None:
        """Wait while the client is connected.

        :raises ClientGoneError: if the client closes the connection first
        """
        try:
            async with asyncio.timeout(seconds):
                await self._client_gone()
        except TimeoutError:
            return
        raise ClientGoneError

    async def abort(self) -> None:
        """Reset the TCP connection."""
        if not self._transport.is_closing():
            # Without lingering, closing a socket sends RST instead of FIN.
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        await self._client_gone()

    async def _client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
