"""The simulator's own endpoints under ``/_simulator``: state, requests, reset, faults, seeds. They need no login."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_signalwire.simulator.compatibility.seeds import SEED_REQUEST
from airflow_provider_signalwire.simulator.compatibility.state import API
from airflow_provider_signalwire.simulator.errors import parse_json
from airflow_provider_signalwire.simulator.exchange import JSON_TYPE, Response, json_response
from airflow_provider_signalwire.simulator.faults import FAULTS, parse_faults
from airflow_provider_signalwire.simulator.openapi import openapi_document
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.settings import Behavior

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.simulation import Simulation

CONTROL = Router("/_simulator")

_ITEMS_PER_PART = 200


@CONTROL.route("GET", "/state", returns="State")
def _get_state(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    state = simulation.state.describe()
    state["counts"]["requests"] = simulation.request_log.total
    settings = simulation.state.settings.model_dump()
    return _streamed({"settings": settings, **state, "callbacks": list(simulation.callbacks.sent.copy())})


@CONTROL.route("GET", "/requests", returns="Requests", query={"path_contains": {"type": "string"}})
def _get_requests(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    log = simulation.request_log
    return _streamed({"total": log.total, "requests": log.entries(query.get("path_contains", ""))})


@CONTROL.route("POST", "/reset", returns="Reset", body=TypeAdapter(Behavior))
def _reset(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    changes = parse_json(body)
    if not isinstance(changes, dict):
        raise ValueError("the body must be a JSON object")
    simulation.reset(**changes)
    return json_response(200, {"settings": simulation.state.settings.model_dump()})


@CONTROL.route("GET", "/faults", returns="Faults")
def _get_faults(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    return json_response(200, [fault.describe() for fault in simulation.faults])


@CONTROL.route("POST", "/faults", returns="Faults", body=FAULTS)
def _set_faults(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    simulation.faults = parse_faults(parse_json(body))
    return _get_faults(simulation, body, query)


@CONTROL.route("POST", "/calls", returns="SeededCalls", body=SEED_REQUEST, status=201)
def _seed(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    return _streamed({"calls": iter(simulation.state.seed(parse_json(body)))}, 201)


@CONTROL.route("GET", "/openapi.json", returns="OpenApi")
def _get_openapi(simulation: Simulation, body: bytes, query: dict[str, str]) -> Response:
    return json_response(200, openapi_document(API, CONTROL))


def _streamed(document: dict[str, Any], status: int = 200) -> Response:
    """Return a response that is made in small parts: encoding a large one at once would block all others."""
    return Response(status, _encode(document), [JSON_TYPE])


def _encode(document: dict[str, Any]) -> Iterator[bytes]:
    opening = "{"
    for key, value in document.items():
        part = f"{opening}{json.dumps(key)}: "
        if not isinstance(value, Iterator):
            yield (part + json.dumps(value)).encode()
        else:
            separator = "["
            while items := list(itertools.islice(value, _ITEMS_PER_PART)):
                part += separator + ", ".join(map(json.dumps, items))
                yield part.encode()
                part, separator = "", ", "
            yield (part + ("]" if separator == ", " else "[]")).encode()
        opening = ", "
    yield b"}"
