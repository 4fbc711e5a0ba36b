"""The simulator as an ASGI application: the simulated API, and the control endpoints beside it.

It is written on plain ASGI, because benchmarks measure clients against it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pydantic import ValidationError

from airflow_provider_signalwire.simulator.compatibility.fields import MAX_FIELDS, read_fields
from airflow_provider_signalwire.simulator.compatibility.state import API
from airflow_provider_signalwire.simulator.control import CONTROL
from airflow_provider_signalwire.simulator.errors import ApiError, describe_problem
from airflow_provider_signalwire.simulator.exchange import (
    ClientGoneError,
    Exchange,
    Message,
    Receive,
    Response,
    Send,
    error_response,
    json_response,
    read_body,
)
from airflow_provider_signalwire.simulator.request_log import Entry
from airflow_provider_signalwire.simulator.settings import LIMITED_METHODS, RateLimit
from airflow_provider_signalwire.simulator.simulation import Simulation

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.routing import Route

_LOGGER = logging.getLogger(__name__)
_MAX_BODY = 64 * 1024
_MAX_CONTROL_BODY = 2 * 1024 * 1024
_MAX_QUERY = 16 * 1024


class Application:
    """The ASGI application.

    :param simulation: what it serves
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._state = simulation.state

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        is_control = scope["raw_path"].startswith(b"/_simulator")
        try:
            body = await read_body(receive, _MAX_CONTROL_BODY if is_control else _MAX_BODY)
        except ClientGoneError:
            return
        exchange = Exchange(scope, receive, send, body)
        try:
            if is_control:
                await exchange.respond(await self._handle(exchange, self._control))
            else:
                await self._serve_api(exchange)
        except (ClientGoneError, asyncio.CancelledError):  # the latter by a reset or the end of the server
            await exchange.abort()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._simulation.loop = asyncio.get_running_loop()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._simulation.loop = None
        await self._simulation.callbacks.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_api(self, exchange: Exchange) -> None:
        now = self._state.clock()
        form_error = _read_form(exchange)
        exchange.entry = Entry(exchange.method, exchange.path, exchange.query, exchange.form, now, exchange.request_id)
        self._simulation.request_log.add(exchange.entry, len(exchange.body or b""))
        limit = self._simulation.rate_limit
        refused = None if limit is None else self._count(exchange, limit, now)
        fault = None
        if self._simulation.faults and refused is None:
            fired = (fault for fault in self._simulation.faults if fault.fires(exchange.method, exchange.path))
            fault = next(fired, None)
        process = functools.partial(self._handle, exchange, self._api, form_error)
        latency = self._state.settings.latency_ms
        if fault is None and not latency:
            await exchange.respond(refused or await process())
            return
        with self._simulation.ended_by_reset():
            await asyncio.sleep(latency / 1000)
            if fault is None:
                await exchange.respond(refused or await process())
            else:
                exchange.entry.fault = fault.kind
                await fault.act(exchange, process)

    def _count(self, exchange: Exchange, limit: RateLimit, now: float) -> Response | None:
        """Count a request towards the rate limit, and return the refusal when that is reached."""
        wait = limit.take(now) if exchange.method in LIMITED_METHODS else None
        exchange.extra_headers += [
            (b"x-ratelimit-limit", str(limit.limit).encode()),
            (b"x-ratelimit-remaining", str(limit.remaining(now)).encode()),
        ]
        refusal = ApiError(429, "Too many requests.", headers={"Retry-After": str(wait)})
        return error_response(refusal, exchange) if wait else None

    async def _handle(self, exchange: Exchange, handle: Callable[..., Any], *args: Any) -> Response:
        """Process a request. This is where every error becomes a response."""
        try:
            if exchange.body is None:
                raise ApiError(413, "The body is too large.")
            if len(exchange.query) > _MAX_QUERY:
                raise ApiError(414, "The query is too long.")
            response: Response = await handle(exchange, *args)
            return response
        except ApiError as error:
            return error_response(error, exchange)
        except Exception:
            _LOGGER.exception("The simulator failed at %s %s", exchange.method, exchange.path)
            return error_response(ApiError(500, "Internal error."), exchange)

    async def _api(self, exchange: Exchange, form_error: ApiError | None) -> Response:
        scheme, _, credentials = exchange.authorization.partition(b" ")
        if scheme.lower() != b"basic" or credentials.strip() != self._simulation.credentials:
            raise ApiError(401, "Authentication failed")
        exchange.route, segments = API.find(exchange.method, exchange.path)
        self._authorize(exchange.route, segments[0])
        if form_error is not None:
            raise form_error
        handler, form = exchange.route.handler, exchange.form
        if exchange.route.in_thread:
            record = await asyncio.to_thread(handler, self._state, *segments, dict(_parse_query(exchange.query)))
        else:
            with self._state.lock:
                record = handler(self._state, *segments, form)
        return Response(204) if record is None else json_response(200, record)

    def _authorize(self, route: Route, account_sid: str) -> None:
        settings = self._state.settings
        if account_sid != settings.project and account_sid not in settings.subprojects:
            raise ApiError(401, f"The project has no access to account {account_sid}.")
        if route.scope not in settings.scopes:
            raise ApiError(401, f"The API token does not have the scope {route.scope}.")

    async def _control(self, exchange: Exchange) -> Response:
        exchange.route, _ = CONTROL.find(exchange.method, exchange.path)
        query = dict(_parse_query(exchange.query))
        try:
            response: Response = await asyncio.to_thread(exchange.route.handler, self._simulation, exchange.body, query)
        except ValidationError as error:
            raise ApiError(400, describe_problem(error)) from None
        except ValueError as error:
            raise ApiError(400, str(error)) from None
        return response


def _read_form(exchange: Exchange) -> ApiError | None:
    if exchange.body:
        try:
            exchange.form = read_fields(exchange.content_type, exchange.body)
        except ApiError as error:
            return error
    return None


def _parse_query(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ApiError(400, f"The query has more than {MAX_FIELDS} parameters.") from None
