"""The simulator as an ASGI application: the simulated API, and the control endpoints beside it.

It is written on plain ASGI, because benchmarks measure clients against it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from urllib.parse import parse_qsl

from airflow_provider_signalwire.simulator.compatibility.fields import MAX_FIELDS, read_fields
from airflow_provider_signalwire.simulator.compatibility.state import API, State
from airflow_provider_signalwire.simulator.control import CONTROL
from airflow_provider_signalwire.simulator.errors import (
    ApiError,
    describe_problem,
    parse_json,
    parse_json_object,
)
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
from airflow_provider_signalwire.simulator.native.commands import CALLING

_LOGGER = logging.getLogger(__name__)
_MAX_BODY = 64 * 1024
_MAX_CONTROL_BODY = 2 * 1024 * 1024
_MAX_QUERY = 16 * 1024
_LIMITED_METHODS = frozenset({"POST", "PUT", "PATCH"})


class Application:
    """The ASGI application.

    :param state: what it serves
    """

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path = scope["raw_path"].decode("ascii", "replace")
        router = next((one for one in (CONTROL, CALLING) if path.startswith(one.prefix)), API)
        is_control = router is CONTROL
        try:
            body = await read_body(receive, _MAX_CONTROL_BODY if is_control else _MAX_BODY)
        except ClientGoneError:
            return
        exchange = Exchange(scope, receive, send, body, router)
        try:
            if is_control:
                await exchange.respond(await _catch(exchange, self._control(exchange)))
            else:
                await self._serve_api(exchange)
        except (ClientGoneError, asyncio.CancelledError):  # the latter by a reset or the end of the server
            await exchange.abort()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._state.callbacks.loop = asyncio.get_running_loop()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._state.callbacks.loop = None
        await self._state.callbacks.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_api(self, exchange: Exchange) -> None:
        now, state = self._state.clock(), self._state
        form_error = _read_form(exchange)
        exchange.entry = state.log_request(
            method=exchange.method,
            path=exchange.path,
            query=exchange.query,
            form=exchange.form,
            timestamp=now,
            request_id=exchange.request_id,
        )
        refused = self._count_request(exchange, now)
        fault = None
        if state.faults and refused is None:
            fault = next((fault for fault in state.faults if fault.fires(exchange.method, exchange.path)), None)

        async def process() -> Response:
            return refused or await _catch(exchange, self._api(exchange, form_error))

        latency = self._state.settings.latency_ms
        if fault is None and not latency:
            await exchange.respond(await process())
            return
        with state.ended_by_reset():
            await asyncio.sleep(latency / 1000)
            if fault is None:
                await exchange.respond(await process())
            else:
                exchange.entry["fault"] = fault.kind
                await fault.act(exchange, process)

    def _count_request(self, exchange: Exchange, now: float) -> Response | None:
        """Count a request towards the rate limit, and return the refusal when that is reached."""
        limit = self._state.rate_limit
        if limit is None:
            return None
        wait = limit.take(now) if exchange.method in _LIMITED_METHODS else None
        exchange.extra_headers["X-RateLimit-Limit"] = str(limit.limit)
        exchange.extra_headers["X-RateLimit-Remaining"] = str(limit.remaining(now))
        refusal = ApiError(429, "Too many requests.", headers={"Retry-After": str(wait)})
        return error_response(refusal, exchange) if wait else None

    async def _api(self, exchange: Exchange, form_error: ApiError | None) -> Response:
        _check_size(exchange)
        scheme, _, credentials = exchange.authorization.partition(b" ")
        if scheme.lower() != b"basic" or credentials.strip() != self._state.settings.credentials:
            raise ApiError(401, "Authentication failed")
        route, segments = exchange.router.find(exchange.method, exchange.path)
        settings = self._state.settings
        if segments and segments[0] not in (settings.project, *settings.subprojects):
            raise ApiError(401, f"The project has no access to account {segments[0]}.")
        if route.scope not in settings.scopes:
            raise ApiError(401, f"The API token does not have the scope {route.scope}.")
        if form_error is not None:
            raise form_error
        if route.in_thread:
            record = await asyncio.to_thread(route.handler, self._state, *segments, _parse_query(exchange.query))
        else:
            with self._state.lock:
                record = route.handler(self._state, *segments, exchange.form)
        return Response(204, headers={}) if record is None else json_response(200, record)

    async def _control(self, exchange: Exchange) -> Response:
        _check_size(exchange)
        route, _ = CONTROL.find(exchange.method, exchange.path)
        query, handler = _parse_query(exchange.query), route.handler
        try:
            return await asyncio.to_thread(lambda: handler(self._state, parse_json(exchange.body or b""), query))
        except ValueError as error:
            raise ApiError(400, describe_problem(error)) from None


async def _catch(exchange: Exchange, processing: Awaitable[Response]) -> Response:
    """Process a request. This is where every error becomes a response."""
    try:
        return await processing
    except ApiError as error:
        return error_response(error, exchange)
    except Exception:
        _LOGGER.exception("The simulator failed at %s %s", exchange.method, exchange.path)
        return error_response(ApiError(500, "Internal error."), exchange)


def _check_size(exchange: Exchange) -> None:
    if exchange.body is None:
        raise ApiError(413, "The body is too large.")
    if len(exchange.query) > _MAX_QUERY:
        raise ApiError(414, "The query is too long.")


def _read_form(exchange: Exchange) -> ApiError | None:
    if exchange.body:
        try:
            if exchange.router.takes_json:
                exchange.form = parse_json_object(exchange.body)
            else:
                exchange.form = read_fields(exchange.content_type, exchange.body)
        except ApiError as error:
            return error
    return None


def _parse_query(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise ApiError(400, f"The query has more than {MAX_FIELDS} parameters.") from None
