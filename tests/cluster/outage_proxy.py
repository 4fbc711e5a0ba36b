"""A proxy in front of the simulator that simulates an outage: it refuses new connections and closes open ones."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

from raw_server import RawServer, copy


class OutageProxy:
    """Forwards connections to a server, except during an outage.

    :param url: The server's URL.
    """

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", urlsplit(url).port)
        self._listening = ExitStack()
        self.url = self._listening.enter_context(RawServer(self._forward)).origin

    def start_outage(self) -> None:
        self._listening.close()

    def end_outage(self) -> None:
        """Accept connections again, on the same port."""
        self._listening.enter_context(RawServer(self._forward, port=urlsplit(self.url).port or 0))

    def _forward(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            responses = threading.Thread(target=copy, args=(server, client))
            responses.start()
            copy(client, server)
            responses.join()
