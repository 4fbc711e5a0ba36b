"""One asynchronous client for all that wait on the same event loop with the same settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.policy.observer import NOBODY, Observer
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient


@dataclass
class _Shared:
    client: SignalWireAsyncClient
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    users: int = 0


_shared_clients: dict[tuple[asyncio.AbstractEventLoop, ClientSettings, Observer], _Shared] = {}


@asynccontextmanager
async def shared_client(
    settings: ClientSettings, *, observer: Observer = NOBODY
) -> AsyncIterator[SignalWireAsyncClient]:
    """Use a client together with everybody else on this event loop; the last one to leave closes it.

    A thousand waiting triggers so have one pool of connections instead of a thousand.

    :param settings: Where to call, as whom, and how patiently; those with other settings get another client.
    :param observer: Is told what the client does.
    """
    key = (asyncio.get_running_loop(), settings, observer)
    shared = _shared_clients.setdefault(key, _Shared(SignalWireAsyncClient(settings, observer=observer)))
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
