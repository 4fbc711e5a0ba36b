"""The simulator's own endpoints under ``/_simulator``: state, requests, reset, faults, seeds. They need no login."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.simulator.compatibility.state import API
from airflow_provider_signalwire.simulator.exchange import Response, json_response
from airflow_provider_signalwire.simulator.faults import FaultList, parse_faults
from airflow_provider_signalwire.simulator.native.commands import CALLING
from airflow_provider_signalwire.simulator.openapi import openapi_document
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.seeds import seed_request
from airflow_provider_signalwire.simulator.settings import Behavior
from airflow_provider_signalwire.simulator.store import Store

CONTROL = Router("/_simulator", errors=dict.fromkeys((400, 413, 414), "ControlError"), default_error="ControlError")


@CONTROL.route("GET", "/state", returns="State")
def _get_state(state: Store, body: Any, query: dict[str, str]) -> Response:
    return json_response(200, state.snapshot())


@CONTROL.route("GET", "/requests", returns="Requests", query={"path_contains": {"type": "string"}})
def _get_requests(state: Store, body: Any, query: dict[str, str]) -> Response:
    requests = state.requests(query.get("path_contains", ""))
    return json_response(200, {"total": state.request_count, "requests": requests})


@CONTROL.route("POST", "/reset", returns="Settings", body=Behavior)
def _reset(state: Store, body: Any, query: dict[str, str]) -> Response:
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    state.reset(**body)
    return json_response(200, {"settings": state.settings.model_dump()})


@CONTROL.route("GET", "/faults", returns="Faults")
def _get_faults(state: Store, body: Any, query: dict[str, str]) -> Response:
    return json_response(200, [fault.describe() for fault in state.faults])


@CONTROL.route("POST", "/faults", returns="Faults", body=FaultList)
def _set_faults(state: Store, body: Any, query: dict[str, str]) -> Response:
    state.faults = parse_faults(body)
    return _get_faults(state, body, query)


@CONTROL.route("POST", "/calls", returns="SeededCalls", body=seed_request("calls"), status=201)
def _seed_calls(state: Store, body: Any, query: dict[str, str]) -> Response:
    return _seed(state, body, "calls")


@CONTROL.route("POST", "/conferences", returns="SeededConferences", body=seed_request("conferences"), status=201)
def _seed_conferences(state: Store, body: Any, query: dict[str, str]) -> Response:
    return _seed(state, body, "conferences")


@CONTROL.route("POST", "/native_calls", returns="SeededNativeCalls", body=seed_request("native_calls"), status=201)
def _seed_native_calls(state: Store, body: Any, query: dict[str, str]) -> Response:
    return _seed(state, body, "native_calls")


@CONTROL.route("GET", "/openapi.json", returns="OpenApi")
def _get_openapi(state: Store, body: Any, query: dict[str, str]) -> Response:
    return json_response(200, openapi_document(API, CALLING, CONTROL))


def _seed(state: Store, plan: Any, kind: str) -> Response:
    return json_response(201, {kind: state.seed(plan, kind)})
