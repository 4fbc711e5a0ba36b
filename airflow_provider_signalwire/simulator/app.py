"""The simulator as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from airflow_provider_signalwire.simulator import endpoints, errors
from airflow_provider_signalwire.simulator.callback_sender import CallbackSender
from airflow_provider_signalwire.simulator.control import Control
from airflow_provider_signalwire.simulator.exchange import Answer, Exchange, error_answer
from airflow_provider_signalwire.simulator.misbehaviour import act
from airflow_provider_signalwire.simulator.rate_limit import LIMITED_METHODS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from airflow_provider_signalwire.simulator.simulation import Simulation


def create_app(simulation: Simulation, stopping: asyncio.Event) -> Starlette:
    """Build the application.

    :param simulation: what it serves
    :param stopping: set when the simulator ends, so that nobody is kept waiting any longer
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sender = asyncio.create_task(CallbackSender(simulation).run())
        yield
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)

    return Starlette(
        routes=[
            Mount("/_simulator", routes=Control(simulation).routes()),
            Mount("/", app=Api(simulation, stopping)),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _internal_error},
        lifespan=lifespan,
    )


class Api:
    """The simulated API.

    Written on plain ASGI: this is the path that benchmarks measure clients against.

    :param simulation: what it serves
    :param stopping: set when the simulator ends
    """

    def __init__(self, simulation: Simulation, stopping: asyncio.Event) -> None:
        self._simulation = simulation
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await _body(receive)
        if body is None:
            return
        simulation = self._simulation
        state = simulation.state
        exchange = Exchange(scope, receive, send, body, self._stopping, state.clock())
        refused = self._note(exchange)
        fault = None if refused else simulation.faults.take(exchange.method, exchange.path)
        if state.settings.latency_ms:
            await exchange.pause(state.settings.latency_ms / 1000)
        if fault is None:
            await exchange.answer(refused or endpoints.answer(state, exchange))
        else:
            exchange.entry.fault = fault.kind
            await act(fault, exchange, lambda: endpoints.answer(state, exchange))

    def _note(self, exchange: Exchange) -> Answer | None:
        """Write a request into the journal and count it towards the limit.

        :return: the refusal, when the limit has been reached
        """
        now = exchange.entry.timestamp
        self._simulation.journal.add(exchange.entry)
        limit = self._simulation.rate_limit
        if limit is None:
            return None
        wait = limit.take(now) if exchange.method in LIMITED_METHODS else None
        exchange.extra_headers += [
            (b"x-ratelimit-limit", str(limit.limit).encode()),
            (b"x-ratelimit-remaining", str(limit.remaining(now)).encode()),
        ]
        if wait is None:
            return None
        headers = {"Retry-After": str(wait)}
        return error_answer(errors.ApiError(429, errors.TOO_MANY_REQUESTS, "Too many requests.", headers=headers))


async def _body(receive: Receive) -> bytes | None:
    """Read a request's body, or return None if the client leaves before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer for a control endpoint that is not there, or not for this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    refusal = errors.ApiError(error.status_code, errors.code_for(error.status_code), error.detail)
    return JSONResponse(refusal.record(), error.status_code, headers=error.headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    """Answer for a fault of the simulator's own; its traceback goes to the log."""
    return JSONResponse(errors.ApiError(500, errors.INTERNAL_ERROR, "Internal error.").record(), 500)
