"""The transport for triggers and batches: one pooled ``aiohttp`` session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from tenacity import AsyncRetrying
from yarl import URL

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.stop import CallPager, Flow, Pause
from airflow_provider_signalwire.client.policy.observer import NOBODY, Attempt, Observer, observed
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.policy.retry import may_be_sent_again, retry_arguments
from airflow_provider_signalwire.client.protocol.records import CallRecord, Record
from airflow_provider_signalwire.client.protocol.redaction import Secrets
from airflow_provider_signalwire.client.protocol.request import FORM_HEADERS, ApiRequest
from airflow_provider_signalwire.client.protocol.responses import MAX_BODY_BYTES, body_too_large, read_answer
from airflow_provider_signalwire.client.transport.failures import connection_error
from airflow_provider_signalwire.client.transport.tls import ssl_context
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireRateLimitError

T = TypeVar("T")

MAX_CONNECTIONS = 64

# Flows whose pauses end within this time go on together: with hundreds of them that saves a fifth of the processor's
# time, much of which waking up takes.
_SHARED_WAKE_UP_SECONDS = 0.02


class SignalWireAsyncClient:
    """SignalWire for asynchronous code; use it in an ``async with`` statement.

    :param settings: Where to call, as whom, and how patiently.
    :param rate_limiter: How fast to send what changes something; SignalWire limits reading hardly at all.
    :param max_connections: How many connections to have open at the most.
    :param observer: Is told what the client does.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        rate_limiter: RateLimiter | None = None,
        max_connections: int = MAX_CONNECTIONS,
        observer: Observer = NOBODY,
    ) -> None:
        self.settings = settings
        self.retries = 0
        self._rate_limiter = rate_limiter
        self._max_connections = max_connections
        self._observer = observer

    async def __aenter__(self) -> Self:
        # Reading the authorities' certificates takes long enough to be kept off the event loop.
        context = await asyncio.to_thread(ssl_context, self.settings)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context,
                limit=self._max_connections,
                resolver=aiohttp.ThreadedResolver(),  # names are looked up as requests does, whatever is installed
            ),
            headers=self.settings.headers,
            timeout=aiohttp.ClientTimeout(total=self.settings.timeout, sock_connect=self.settings.connect_timeout),
            trust_env=False,  # the environment's proxy is in the settings
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._take(step)
                except SignalWireError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value, typed by Flow[T]
        finally:
            flow.close()

    async def iterate(self, pager: CallPager) -> AsyncIterator[CallRecord]:
        """Yield the calls of a listing, fetching a page when it is needed."""
        while not pager.exhausted:
            for call in await self.run(pager.next_page()):
                yield call

    async def _take(self, step: ApiRequest | Pause) -> Record | None:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds + _until_shared_wake_up(step.seconds))
            return None
        await self._wait_for_turn(step)
        started = time.monotonic()
        try:
            return await self._send_paced(step)
        except SignalWireError as error:
            if not may_be_sent_again(step, error):
                raise
            failure = error
        return await self._send_again(step, failure, started)

    async def _send_again(self, request: ApiRequest, failure: SignalWireError, started: float) -> Record:
        """Go on after a first attempt that failed; only then is the retry policy's machinery worth its time."""
        policy = retry_arguments(request, self.settings, spent=time.monotonic() - started)
        sending = AsyncRetrying(**observed(policy, request, self._observer))

        async def send(request: ApiRequest) -> Record:
            if sending.statistics["attempt_number"] == 1:
                raise failure  # to the policy, the first attempt is the one that has been made
            await self._wait_for_turn(request)
            return await self._send_paced(request)

        try:
            record: Record = await sending(send, request)
        finally:
            self.retries += sending.statistics["attempt_number"] - 1
        return record

    async def _wait_for_turn(self, request: ApiRequest) -> None:
        """Wait until a request may be sent; this time is not taken from what its retries are given."""
        if self._rate_limiter is not None and request.method != "GET":
            await self._rate_limiter.acquire()

    async def _send_paced(self, request: ApiRequest) -> Record:
        """Send a request once, and let the pace know what came of it."""
        if self._rate_limiter is None or request.method == "GET":
            return await self._send(request)
        try:
            record = await self._send(request)
        except SignalWireRateLimitError as error:
            self._rate_limiter.on_rate_limited(error.retry_after, at_most=self.settings.max_retry_seconds)
            raise
        self._rate_limiter.on_success()
        return record

    async def _send(self, request: ApiRequest) -> Record:
        """Send a request once, and let the observer know."""
        with Attempt(request, self._observer):
            return await self._exchange(request)

    async def _exchange(self, request: ApiRequest) -> Record:
        try:
            async with self._session.request(
                request.method,
                URL(self.settings.origin + request.target, encoded=True),
                data=request.body,
                headers=FORM_HEADERS if request.form else None,
                allow_redirects=False,
                proxy=self.settings.proxy,
            ) as response:
                body = await _read_body(request, response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise connection_error(request, self.settings, error, kind=_kind(error)) from None
        return read_answer(
            request,
            status=response.status,
            headers=response.headers,
            body=body,
            secrets=Secrets(self.settings.secrets),
        )


def _until_shared_wake_up(seconds: float) -> float:
    """Return how much longer a pause of some seconds has to be, so that it ends together with others."""
    return -(asyncio.get_running_loop().time() + seconds) % _SHARED_WAKE_UP_SECONDS


async def _read_body(request: ApiRequest, response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise body_too_large(request, response.status)
    return bytes(body)


def _kind(error: Exception) -> str:
    not_connected = (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
    )
    if isinstance(error, not_connected):
        return "connect"
    return "timeout" if isinstance(error, TimeoutError) else "lost"
