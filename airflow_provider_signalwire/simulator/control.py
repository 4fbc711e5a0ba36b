"""The simulator's own endpoints under ``/_simulator``: state, requests, reset, faults, seeds. They need no login."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.simulator.compatibility.endpoints import API
from airflow_provider_signalwire.simulator.errors import parse_json
from airflow_provider_signalwire.simulator.faults import FaultList, parse_faults
from airflow_provider_signalwire.simulator.native import CALLING
from airflow_provider_signalwire.simulator.resources import Record
from airflow_provider_signalwire.simulator.routing import Router, openapi_document
from airflow_provider_signalwire.simulator.seeds import add_seeds, seed_request
from airflow_provider_signalwire.simulator.settings import Behavior
from airflow_provider_signalwire.simulator.store import Store

CONTROL = Router(
    prefix="/_simulator",
    read_body=lambda content_type, body: parse_json(body),
    errors=dict.fromkeys((400, 413, 414), "ControlError"),
    default_error="ControlError",
    scope=None,
    max_body=2 * 1024 * 1024,
)


@CONTROL.route("GET", "/state", returns="State")
def _get_state(store: Store, query: dict[str, str]) -> Record:
    return store.snapshot()


@CONTROL.route("GET", "/requests", returns="Requests", query={"path_contains": {"type": "string"}})
def _get_requests(store: Store, query: dict[str, str]) -> Record:
    return {"total": store.request_count, "requests": store.requests(query.get("path_contains", ""))}


@CONTROL.route("POST", "/reset", returns="Settings", body=Behavior)
def _reset(store: Store, body: Any) -> Record:
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    store.reset(**body)
    return {"settings": store.settings.model_dump()}


@CONTROL.route("GET", "/faults", returns="Faults")
def _get_faults(store: Store, query: Any) -> list[Record]:
    return [fault.describe() for fault in store.faults]


@CONTROL.route("POST", "/faults", returns="Faults", body=FaultList)
def _set_faults(store: Store, body: Any) -> list[Record]:
    store.faults = parse_faults(body)
    return _get_faults(store, None)


@CONTROL.route("POST", "/calls", returns="SeededCalls", body=seed_request("calls"), status=201)
def _seed_calls(store: Store, body: Any) -> Record:
    return {"calls": add_seeds(store, body, "calls")}


@CONTROL.route("POST", "/conferences", returns="SeededConferences", body=seed_request("conferences"), status=201)
def _seed_conferences(store: Store, body: Any) -> Record:
    return {"conferences": add_seeds(store, body, "conferences")}


@CONTROL.route("POST", "/native_calls", returns="SeededNativeCalls", body=seed_request("native_calls"), status=201)
def _seed_native_calls(store: Store, body: Any) -> Record:
    return {"native_calls": add_seeds(store, body, "native_calls")}


@CONTROL.route("GET", "/openapi.json", returns="OpenApi")
def _get_openapi(store: Store, query: Any) -> Record:
    return openapi_document(API, CALLING, CONTROL)
