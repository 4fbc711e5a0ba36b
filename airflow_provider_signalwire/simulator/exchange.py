"""One request and its answer, down to the connection they travel on."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.fields import Fields, read_fields
from airflow_provider_signalwire.simulator.journal import Entry

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_WITHOUT_BODY = (204, 304)
_JSON = (b"content-type", b"application/json; charset=utf-8")


@dataclasses.dataclass(slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Headers


def json_answer(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, json.dumps(value).encode(), [_JSON, *encode_headers(headers or {})])


def error_answer(error: errors.ApiError, *, listed: bool = False) -> Answer:
    """Return the answer that refuses a request.

    :param listed: in the shape of a list of errors
    """
    return json_answer(error.status, error.listed_record() if listed else error.record(), error.headers)


def encode_headers(headers: dict[str, str]) -> Headers:
    """Return headers as they go over the wire."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]


class Exchange:
    """A request that has been read, and the ways to answer it.

    :param scope: the request's ASGI scope
    :param receive: tells when the client has gone
    :param send: sends the answer
    :param body: the request's body
    :param stopping: set when the simulator ends
    :param now: when it came
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, body: bytes, stopping: asyncio.Event, now: float
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._stopping = stopping
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii", "replace")
        self.query: str = scope["query_string"].decode("latin-1")
        self.request_id = str(uuid.uuid4())
        self.extra_headers: Headers = [(b"x-request-id", self.request_id.encode())]
        self.authorization = b""
        self.form: Fields = {}
        self.form_error: errors.ApiError | None = None
        self._read(body)
        self.entry = Entry(self.method, self.path, self.query, self.form, now, self.request_id)

    def _read(self, body: bytes) -> None:
        content_type = ""
        for name, value in self._scope["headers"]:
            if name == b"authorization":
                self.authorization = value
            elif name == b"content-type":
                content_type = value.decode("latin-1")
        if body:
            try:
                self.form = read_fields(content_type, body)
            except errors.ApiError as error:
                self.form_error = error

    async def start(self, status: int, headers: Headers, length: int) -> None:
        """Send the head of an answer."""
        self.entry.status = status
        if status not in _WITHOUT_BODY:
            headers = [*headers, (b"content-length", str(length).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self.extra_headers]})

    async def send_body(self, part: bytes, *, more: bool = False) -> None:
        """Send a part of an answer's body."""
        await self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        await self.start(answer.status, answer.headers, len(answer.body))
        await self.send_body(b"" if answer.status in _WITHOUT_BODY else answer.body)

    async def pause(self, seconds: float) -> None:
        """Let time pass, unless the simulator ends first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def hang(self, seconds: float) -> bool:
        """Keep the client waiting.

        :return: whether the client stayed for the whole time, and the simulator too
        """
        waits = [asyncio.create_task(self.gone()), asyncio.create_task(self._stopping.wait())]
        try:
            ended, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not ended

    async def gone(self) -> None:
        """Wait until the connection is lost."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def reset(self) -> None:
        """Break the connection off with a TCP reset, after what has been sent so far."""
        transport: asyncio.Transport = self._scope["state"]["transport"]
        # A transport has no event that tells when its buffer is empty.
        while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if not transport.is_closing():
            # Without lingering, closing a socket sends RST instead of FIN.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        await self.gone()
