"""A proxy in front of the simulator that simulates an outage.

The simulator keeps its calls in memory, so a restart would lose them; if it were paused by a signal, connections would
hang. During an outage, the proxy refuses new connections and aborts open ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PART = 64 * 1024


class OutageProxy:
    """Forwards connections to a server, except during an outage.

    :param url: The server's URL.
    """

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).hostname
        self._target_port = urlsplit(url).port
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="outage-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.end_outage()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.start_outage()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def end_outage(self) -> None:
        """Accept connections again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def start_outage(self) -> None:
        """Refuse new connections and abort open ones."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self._port, backlog=2048)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted just before the outage
            writer.transport.abort()
            return
        ends = {writer}
        self._open.add(writer)
        try:
            inner_reader, inner_writer = await asyncio.open_connection(self._host, self._target_port)
            ends.add(inner_writer)
            self._open.add(inner_writer)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(_PART):
            writer.write(part)
            await writer.drain()
    # Propagate the end of the stream.
    writer.close()
