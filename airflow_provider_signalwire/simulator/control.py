"""The simulator's own endpoints under ``/_simulator``: looking in, resetting, seeding, breaking things."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_signalwire.simulator.simulation import Simulation

_SEED_KEYS = (
    "count",
    "status",
    "age_seconds",
    "to",
    "from",
    "streams",
    "sid",
    "account_sid",
    "parent_call_sid",
)


class Control:
    """The control endpoints of a simulation. They ask for no credentials.

    :param simulation: what they control
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Return the routes, to be mounted."""
        return [
            Route("/state", self._state, methods=["GET"]),
            Route("/requests", self._requests, methods=["GET"]),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/faults", self._get_faults, methods=["GET"]),
            Route("/faults", self._set_faults, methods=["POST"]),
            Route("/calls", self._seed, methods=["POST"]),
        ]

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self._simulation.describe())

    async def _requests(self, request: Request) -> Response:
        journal = self._simulation.journal
        entries = journal.entries(request.query_params.get("path_contains", ""))
        return JSONResponse({"total": journal.total, "requests": entries})

    async def _reset(self, request: Request) -> Response:
        try:
            self._simulation.reset(**await _json_object(request))
        except ValueError as error:
            return _refused(error)
        return JSONResponse({"settings": self._simulation.state.settings.public()})

    async def _get_faults(self, request: Request) -> Response:
        return JSONResponse(self._simulation.faults.describe())

    async def _set_faults(self, request: Request) -> Response:
        try:
            self._simulation.faults.replace(_parsed(await request.body()))
        except ValueError as error:
            return _refused(error)
        return JSONResponse(self._simulation.faults.describe())

    async def _seed(self, request: Request) -> Response:
        try:
            plan = await _json_object(request)
            for key in plan:
                if key not in _SEED_KEYS:
                    raise ValueError(f"unknown key {key!r}: it takes {', '.join(_SEED_KEYS)}")
            if "from" in plan:
                plan["from_"] = plan.pop("from")
            # In a thread, since many calls take a while.
            calls = await asyncio.to_thread(self._simulation.state.seed, **plan)
        except ValueError as error:
            return _refused(error)
        return JSONResponse({"calls": calls}, status_code=201)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is not valid JSON: {error}") from None


async def _json_object(request: Request) -> dict[str, Any]:
    """Read a body that may be left out."""
    body = await request.body()
    value = _parsed(body) if body else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def _refused(error: ValueError) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
