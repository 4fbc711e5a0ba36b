"""The simulator as an ASGI application: the simulated APIs, and the control endpoints beside them.

It is written on plain ASGI, because benchmarks measure clients against it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from urllib.parse import parse_qsl

from airflow_provider_signalwire.simulator.compatibility.endpoints import API
from airflow_provider_signalwire.simulator.control import CONTROL
from airflow_provider_signalwire.simulator.errors import ApiError, describe_problem
from airflow_provider_signalwire.simulator.exchange import (
    ClientGoneError,
    Exchange,
    Message,
    Receive,
    Response,
    Send,
    json_response,
)
from airflow_provider_signalwire.simulator.native import CALLING
from airflow_provider_signalwire.simulator.store import Store

_LOGGER = logging.getLogger(__name__)
_LIMITED_METHODS = frozenset({"POST", "PUT", "PATCH"})


class Application:
    """The ASGI application."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["raw_path"].decode("ascii", "replace")
        router = next((one for one in (CONTROL, CALLING) if path.startswith(one.prefix)), API)
        exchange = Exchange(scope, receive, send, router)
        try:
            await exchange.read()
            if router is CONTROL:
                await exchange.respond(self._process(exchange))
            else:
                await self._serve(exchange)
        except (ClientGoneError, asyncio.CancelledError):  # the latter by a reset or the end of the server
            await exchange.abort()

    async def _serve(self, exchange: Exchange) -> None:
        """Log a request, and respond to it as the rate limit, the latency and the faults say."""
        store, now = self._store, self._store.clock()
        exchange.log_entry = store.log_request(
            method=exchange.method,
            path=exchange.path,
            query=exchange.query,
            form=exchange.form,
            timestamp=now,
            request_id=exchange.request_id,
        )
        fault = None
        if not self._count_request(exchange, now):
            fault = next((fault for fault in store.faults if fault.fires(exchange.method, exchange.path)), None)
        latency = store.settings.latency_ms
        if latency or fault:
            store.end_on_reset()
            await asyncio.sleep(latency / 1000)
        if fault is None:
            await exchange.respond(self._process(exchange))
        else:
            exchange.log_entry["fault"] = fault.kind
            await fault.act(exchange, functools.partial(self._process, exchange))

    def _count_request(self, exchange: Exchange, now: float) -> bool:
        """Count a request towards the rate limit, and return whether that refuses it."""
        limit = self._store.rate_limit
        if limit is None:
            return False
        wait = limit.take(now) if exchange.method in _LIMITED_METHODS else None
        exchange.extra_headers["X-RateLimit-Limit"] = str(limit.limit)
        exchange.extra_headers["X-RateLimit-Remaining"] = str(limit.remaining(now))
        if wait:
            exchange.refusal = ApiError(429, "Too many requests.", headers={"Retry-After": str(wait)})
        return wait is not None

    def _process(self, exchange: Exchange) -> Response:
        """Process a request. This is where every error becomes a response."""
        try:
            return self._handle(exchange)
        except ApiError as error:
            return exchange.error_response(error)
        except Exception as error:
            if exchange.router is CONTROL and isinstance(error, ValueError):
                return exchange.error_response(ApiError(400, describe_problem(error)))
            _LOGGER.exception("The simulator failed at %s %s", exchange.method, exchange.path)
            return exchange.error_response(ApiError(500, "Internal error."))

    def _handle(self, exchange: Exchange) -> Response:
        store, router, settings = self._store, exchange.router, self._store.settings
        if exchange.refusal is not None:
            raise exchange.refusal
        scheme, _, credentials = exchange.authorization.partition(b" ")
        if router.scope and (scheme.lower() != b"basic" or credentials.strip() != settings.credentials):
            raise ApiError(401, "Authentication failed")
        route, segments = router.find(exchange.method, exchange.path)
        if segments and segments[0] not in (settings.project, *settings.subprojects):
            raise ApiError(401, f"The project has no access to account {segments[0]}.")
        if route.scope and route.scope not in settings.scopes:
            raise ApiError(401, f"The API token does not have the scope {route.scope}.")
        if exchange.form_error is not None:
            raise exchange.form_error
        is_read = exchange.method == "GET"
        arguments = dict(parse_qsl(exchange.query, keep_blank_values=True)) if is_read else exchange.form
        with store.lock:
            result = route.handler(store, *segments, arguments)
        return Response(204, headers={}) if route.returns is None else json_response(route.status, result)
