"""One lookup for all triggers that need the same connection at the same moment."""

from __future__ import annotations

import asyncio

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

_lookups: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[ClientSettings]] = {}


async def connection_settings(signalwire_conn_id: str) -> ClientSettings:
    """Return a connection's current settings; concurrent callers share one lookup.

    A triggerer that starts resumes a thousand triggers at once. A lookup for each would be as many requests to the API
    server, and validating all of them in a row would block the event loop.

    :param signalwire_conn_id: The connection.
    """
    key = (asyncio.get_running_loop(), signalwire_conn_id)
    lookup = _lookups.get(key)
    if lookup is None:
        lookup = _lookups[key] = asyncio.create_task(SignalWireHook(signalwire_conn_id).get_async_settings())
        lookup.add_done_callback(lambda _: _lookups.pop(key))
    return await asyncio.shield(lookup)  # cancelling one waiter does not cancel the others
