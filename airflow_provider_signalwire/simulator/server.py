"""Running the simulator: uvicorn in its own thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_signalwire.simulator.app import Application
from airflow_provider_signalwire.simulator.callbacks import is_loopback
from airflow_provider_signalwire.simulator.control import add_seeds
from airflow_provider_signalwire.simulator.faults import parse_faults
from airflow_provider_signalwire.simulator.settings import Settings
from airflow_provider_signalwire.simulator.store import Store

_MAX_HEAD = 64 * 1024


def with_transport(base: Any) -> Any:
    """Derive a uvicorn protocol that puts the transport into ``scope["state"]`` and limits the head's size.

    ASGI cannot abort a connection, so faults need the transport. Both protocols copy ``app_state`` into each scope.

    :param base: ``HttpToolsProtocol`` or ``H11Protocol``
    """

    class TransportProtocol(base):  # type: ignore[misc]  # the base is chosen at run time
        app_state: dict[str, Any]
        head_size = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.app_state = {**self.app_state, "transport": transport}

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            is_head = self.cycle is None or self.cycle.response_complete
            self.head_size = self.head_size + len(data) if is_head else 0
            if self.head_size > _MAX_HEAD:
                self.transport.abort()

    return TransportProtocol


HTTP_PROTOCOL = with_transport(AutoHTTPProtocol)


class SimulatorServer:
    """A simulator on a port of this machine. As a context manager, it serves until it is left.

    :param host: a loopback host
    :param port: 0 takes any free port
    :param ssl_certfile: certificate, to serve HTTPS
    :param ssl_keyfile: its key
    :param clock: returns the time in seconds since the epoch; the system's clock by default
    :param settings: as of ``simulator.settings.Settings``; ``project`` and ``token``
        are attributes, too
    :raises ValueError: for an invalid setting
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
        clock: Callable[[], float] | None = None,
        **settings: Any,
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"the simulator serves loopback hosts only, not {host!r}")
        self.state = Store(Settings(**settings), clock)
        self.project = self.state.settings.project
        self.token = self.state.settings.token
        self.host = host
        self.port = port
        self._thread: threading.Thread | None = None
        self._server = _Server(
            uvicorn.Config(
                Application(self.state),
                http=HTTP_PROTOCOL,
                loop="none",
                ws="none",
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                log_level="error",
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
                ssl_certfile=ssl_certfile,
                ssl_keyfile=ssl_keyfile,
            )
        )

    @property
    def url(self) -> str:
        """Base URL of the simulator."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._server.config.is_ssl else 'http'}://{host}:{self.port}"

    def seed(self, /, **plan: Any) -> list[dict[str, Any]]:
        """Add calls, and return their SIDs and those of their streams.

        :param plan: keys of ``simulator.control.CallSeed``, with ``from_`` for ``from``;
            or ``calls``, a list of such mappings
        :raises ValueError: if it is invalid; then no call is added
        """
        return self._seed(plan, "calls")

    def seed_conferences(self, /, **plan: Any) -> list[dict[str, Any]]:
        """Add conferences as :meth:`seed` adds calls.

        :param plan: keys of ``simulator.control.ConferenceSeed``; or ``conferences``, a list of such mappings
        """
        return self._seed(plan, "conferences")

    def seed_native_calls(self, /, **plan: Any) -> list[dict[str, Any]]:
        """Add calls of the native engine as :meth:`seed` adds calls.

        :param plan: keys of ``simulator.control.NativeCallSeed``; or ``native_calls``, a list of such mappings
        """
        return self._seed(plan, "native_calls")

    def _seed(self, plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return add_seeds(self.state, {"from" if key == "from_" else key: value for key, value in plan.items()}, kind)

    def set_faults(self, faults: Sequence[object]) -> None:
        """Replace the faults in force.

        :raises ValueError: if one of them is invalid
        """
        self.state.faults = parse_faults(faults)

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force, each with how often it fired."""
        return [fault.describe() for fault in self.state.faults]

    def requests(self, path_contains: str = "") -> list[dict[str, Any]]:
        """Return the API requests received, oldest first."""
        return self.state.requests(path_contains)

    def reset(self, /, **changes: Any) -> None:
        """Forget calls, requests and faults, and return to the settings of the start."""
        self.state.reset(**changes)

    def start(self) -> None:
        """Start, and return when the simulator accepts connections.

        :raises OSError: if the port is taken or a certificate cannot be read
        """
        self._server.config.load()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.port), family=family, backlog=2048)
        # Connections inherit this. asyncio does not set it for them; each response would take 40 ms longer.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listener,), name="signalwire-simulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop at once, without waiting for open connections."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _run(self, listener: socket.socket) -> None:
        with listener:
            asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        async with self.state.callbacks.running():
            await self._server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's server; its shutdown does not wait for clients."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets=sockets)
