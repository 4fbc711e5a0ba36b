"""The transport for triggers and batches: one ``aiohttp`` session."""

from __future__ import annotations

import asyncio
import math
import os

import aiohttp
from yarl import URL

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol.http import MAX_BODY_BYTES, HttpRequest, HttpResponse, HttpResult
from airflow_provider_signalwire.client.transport.async_connection import Connector
from airflow_provider_signalwire.client.transport.attempt import Attempt, TunnelRefused, current_attempt
from airflow_provider_signalwire.client.transport.hidden import Hidden, HiddenBytes, proxy_headers
from airflow_provider_signalwire.client.transport.tls import ssl_context

MAX_CONNECTIONS = 64


class AsyncTransport:
    """Sends requests and reports facts. It belongs to the event loop and process that opened it.

    :param settings: Host, credentials and timeouts.
    :param max_connections: Maximum number of open connections; further requests wait, outside their timeout.
    """

    def __init__(self, settings: ClientSettings, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._settings = settings
        self._max_connections = max_connections
        self._proxy_headers = proxy_headers(settings)
        self._headers: dict[str, str] = {name: Hidden(value) for name, value in settings.headers.items()}
        if settings.origin.startswith("http:"):  # without a tunnel, the proxy reads the request itself
            self._headers |= self._proxy_headers
        self._session: aiohttp.ClientSession | None = None
        self._owner: tuple[int, asyncio.AbstractEventLoop] | None = None

    async def open(self) -> None:
        """Make the transport usable on the running event loop."""
        # Reading the CA bundle takes long enough to be kept off the event loop.
        context = await asyncio.to_thread(ssl_context, self._settings)
        self._owner = _owner()
        self._slots = asyncio.Semaphore(self._max_connections)
        self._session = aiohttp.ClientSession(
            connector=Connector(
                ssl=context,
                limit=0,  # the semaphore is the limit, so that waiting for a connection is not part of the timeout
                resolver=aiohttp.ThreadedResolver(),  # look up names as requests does, whatever is installed
            ),
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._settings.connect_timeout, ceil_threshold=math.inf),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=MAX_BODY_BYTES,
        )
        # aiohttp would send a GET or DELETE once more if a reused connection breaks. Whether to do so is for the retry
        # policy to decide, which counts attempts and knows their facts. aiohttp has no public switch.
        self._session._retry_connection = False

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send a request once."""
        if self._session is None or self._owner != _owner():
            raise RuntimeError("The transport is not open on this event loop.")
        async with self._slots:
            attempt = Attempt(timeout=request.timeout, connect_timeout=self._settings.connect_timeout)
            token = current_attempt.set(attempt)
            try:
                async with asyncio.timeout(request.timeout):
                    return await self._send(self._session, request, attempt)
            except aiohttp.ClientHttpProxyError as error:
                return attempt.failure(TunnelRefused(error.status))
            except Exception as error:
                return attempt.failure(error)
            finally:
                current_attempt.reset(token)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None and self._owner == _owner():
            await session.close()

    async def _send(self, session: aiohttp.ClientSession, request: HttpRequest, attempt: Attempt) -> HttpResponse:
        async with session.request(
            request.method,
            URL(self._settings.origin + request.target, encoded=True),
            data=None if request.body is None else HiddenBytes(request.body),
            # Not those of the session: aiohttp would send them to the proxy, the token as Proxy-Authorization.
            headers=self._headers if request.body is None else self._headers | {"Content-Type": request.content_type},
            allow_redirects=False,
            proxy=self._settings.proxy,
            proxy_headers=self._proxy_headers or None,
        ) as response:
            body = await response.read()
        return attempt.response(body)


def _owner() -> tuple[int, asyncio.AbstractEventLoop]:
    return os.getpid(), asyncio.get_running_loop()
