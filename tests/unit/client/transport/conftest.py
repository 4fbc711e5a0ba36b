"""Raw servers, and both transports to connect to them."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from raw_server import RawServer
from transports import Async, Sync, settings_for


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def transport(request: pytest.FixtureRequest) -> type[Sync]:
    return request.param


@pytest.fixture
def connect(transport: type[Sync]) -> Iterator[Callable[..., Sync]]:
    """Return a transport to an origin; keywords change its settings."""
    with contextlib.ExitStack() as stack:
        yield lambda origin, *, options={}, **changes: stack.enter_context(
            transport(settings_for(origin, **changes), **(options if transport is Async else {}))
        )


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """Start a server: with bytes, it sends them once for each request; with a function, that serves a connection."""
    with contextlib.ExitStack() as stack:

        def start(what: bytes | Callable[[RawServer, socket.socket], None], **options: Any) -> RawServer:
            def respond(connection: socket.socket) -> None:
                if callable(what):
                    what(server, connection)
                    return
                while server.read_request(connection):
                    connection.sendall(what)

            server = RawServer(respond, **options)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA file, and beside it the certificate of this machine that it signed."""
    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder


@pytest.fixture(scope="session")
def server_context(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "server.pem")
    return context
