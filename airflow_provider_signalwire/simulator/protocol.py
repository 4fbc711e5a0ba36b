"""uvicorn's protocol, made to show the application the connection it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


def with_transport(base: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """Derive a protocol that puts its connection's transport into ``scope["state"]``.

    ASGI has no word for breaking a connection off, so faults need the transport itself. Both of uvicorn's
    HTTP protocols copy ``app_state`` into the scope of each request.

    :param base: ``HttpToolsProtocol`` or ``H11Protocol``
    """

    class TransportProtocol(base):  # type: ignore[misc, valid-type]
        app_state: dict[str, Any]

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.app_state = {**self.app_state, "transport": transport}

    return TransportProtocol
