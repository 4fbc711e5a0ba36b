"""Both transports behind the same blocking methods."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpRequest, HttpResponse, HttpResult
from airflow_provider_signalwire.client.transport.async_transport import AsyncTransport
from airflow_provider_signalwire.client.transport.sync_transport import SyncTransport


def settings_for(origin: str, **changes: Any) -> ClientSettings:
    """Return settings for a test server."""
    return ClientSettings(origin=origin, project_id="project", api_token="token", **changes)


class Sync:
    """Drives the transport of tasks."""

    def __init__(self, settings: ClientSettings, **options: Any) -> None:
        self.transport = SyncTransport(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.transport.close()

    def attempt(
        self, method: str = "GET", target: str = "/x", *, body: bytes | None = None, timeout: float = 10
    ) -> HttpResult:
        return self.run(HttpRequest(method=method, target=target, body=body, timeout=timeout))

    def run(self, request: HttpRequest) -> HttpResult:
        return self.transport.send(request)

    def send(self, *args: Any, **options: Any) -> HttpResponse:
        """Send a request that must succeed, and return the response."""
        result = self.attempt(*args, **options)
        assert isinstance(result, HttpResponse), result
        return result

    def fail(self, *args: Any, **options: Any) -> FailedAttempt:
        """Send a request that must fail, and return the failure."""
        result = self.attempt(*args, **options)
        assert isinstance(result, FailedAttempt), result
        return result

    def settle(self) -> None:
        """Let the transport process received data."""


class Async(Sync):
    """Drives the transport of triggers and batches, on a new event loop."""

    def __init__(self, settings: ClientSettings, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.async_transport = AsyncTransport(settings, **options)

    def __enter__(self) -> Self:
        self.loop.run_until_complete(self.async_transport.open())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.loop.run_until_complete(self.async_transport.close())
        self.settle()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, request: HttpRequest) -> HttpResult:
        return self.loop.run_until_complete(self.async_transport.send(request))

    def settle(self) -> None:
        async def turn() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())
