"""One asynchronous client for all triggers that wait on the same event loop with the same settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.policy.observer import NULL_OBSERVER, Observer
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient


@dataclass
class _SharedClient:
    client: SignalWireAsyncClient
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    users: int = 0


_shared_clients: dict[tuple[int, asyncio.AbstractEventLoop, ClientSettings, Observer], _SharedClient] = {}


@asynccontextmanager
async def shared_client(
    settings: ClientSettings, *, observer: Observer = NULL_OBSERVER
) -> AsyncIterator[SignalWireAsyncClient]:
    """Use a client together with all others on this event loop; the last user closes it.

    A thousand waiting triggers then have one pool of connections instead of a thousand.

    :param settings: Origin, credentials and timeouts; other settings get another client.
    :param observer: Is notified of the client's requests.
    """
    key = (os.getpid(), asyncio.get_running_loop(), settings, observer)
    shared = _shared_clients.get(key)
    if shared is None:
        shared = _shared_clients[key] = _SharedClient(SignalWireAsyncClient(settings, observer=observer))
    shared.users += 1
    try:
        async with shared.opening:
            if not shared.is_open:
                await shared.client.__aenter__()
                shared.is_open = True
        yield shared.client
    finally:
        shared.users -= 1
        if shared.users == 0:
            del _shared_clients[key]
            if shared.is_open:
                await shared.client.__aexit__(None, None, None)
