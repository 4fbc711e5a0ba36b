"""The client for triggers and batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.policy.observer import NULL_OBSERVER, Observer
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import Flow, Pause
from airflow_provider_signalwire.client.protocol.http import HttpRequest, HttpResult
from airflow_provider_signalwire.client.protocol.redaction import clear_locals
from airflow_provider_signalwire.client.transport.async_transport import MAX_CONNECTIONS, AsyncTransport

T = TypeVar("T")

# Pauses that end within this time end together: with hundreds of flows, that saves a fifth of the CPU time, much of
# which is spent on waking up.
_SHARED_WAKE_UP_SECONDS = 0.02


class SignalWireAsyncClient:
    """Runs flows for asynchronous code; use it in an ``async with`` statement.

    :param settings: Origin, credentials and timeouts.
    :param rate_limiter: Limits the requests that change something; SignalWire hardly limits reading.
    :param max_connections: Maximum number of open connections.
    :param observer: Is notified of the client's requests.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        rate_limiter: RateLimiter | None = None,
        max_connections: int = MAX_CONNECTIONS,
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        self.settings = settings
        self._rate_limiter = rate_limiter
        self._policy = RetryPolicy(settings, observer)
        self._transport = AsyncTransport(settings, max_connections=max_connections)

    @property
    def retries(self) -> int:
        """How many requests were sent again."""
        return self._policy.retries

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        attempts = self._policy.drive(flow)
        try:
            step = next(attempts)
            while True:
                result: HttpResult | None = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds + _until_shared_wake_up(step.seconds))
                else:
                    result = await self._send(step)
                step = attempts.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value, typed by Flow[T]
        except BaseException as error:
            clear_locals(error)
            raise
        finally:
            attempts.close()

    async def iterate(self, pager: RecordPager[T]) -> AsyncIterator[T]:
        """Yield the records of a list; a page is fetched when it is needed."""
        while not pager.exhausted:
            for record in await self.run(pager.next_page()):
                yield record

    async def _send(self, request: HttpRequest) -> HttpResult:
        if self._rate_limiter is None or request.method == "GET":
            return await self._transport.send(request)
        max_pause = self.settings.max_retry_seconds
        return await self._rate_limiter.send(self._transport.send, request, max_pause=max_pause)


def _until_shared_wake_up(seconds: float) -> float:
    """Return how much longer a pause must be to end together with others."""
    return -(asyncio.get_running_loop().time() + seconds) % _SHARED_WAKE_UP_SECONDS
