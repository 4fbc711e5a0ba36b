"""The simulator's OpenAPI document, made from its routes and from examples of what they return."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from airflow_provider_signalwire.simulator.compatibility.state import State
from airflow_provider_signalwire.simulator.errors import ApiError
from airflow_provider_signalwire.simulator.request_log import Entry
from airflow_provider_signalwire.simulator.routing import Route, Router
from airflow_provider_signalwire.simulator.settings import Settings

_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    dict: "object",
    list: "array",
}
_FREE_OBJECTS = ("parameters", "form")
_API_ERRORS = {
    400: "Error",
    401: "Error",
    404: "Error",
    413: "Error",
    414: "Error",
    422: "Error",
    429: "Error",
    503: "Error",
}
_CONTROL_ERRORS = dict.fromkeys((400, 413, 414), "ControlError")


@functools.cache
def openapi_document(api: Router, control: Router) -> dict[str, Any]:
    """Describe both routers in OpenAPI 3.1."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for router, errors in ((api, _API_ERRORS), (control, _CONTROL_ERRORS)):
        for route in router.routes:
            operation = _operation(route, errors, schemas)
            operation["security"] = [{"basic": []}] if router is api else []
            paths.setdefault(router.prefix + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "SignalWire simulator", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
    }


def _operation(route: Route, errors: dict[int, str], schemas: dict[str, Any]) -> dict[str, Any]:
    parameters = [_parameter(name, "path", {"type": "string"}) for name in re.findall("{(.+?)}", route.path)]
    parameters += [_parameter(name, "query", schema) for name, schema in (route.query or {}).items()]
    results = {**errors, **({400: "ErrorList"} if route.lists_errors else {}), route.status: route.returns}
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__.lstrip("_"),
        "parameters": parameters,
        "responses": {str(status): _response(name) for status, name in results.items()},
    }
    if isinstance(route.body, TypeAdapter):
        body = route.body.json_schema(ref_template="#/components/schemas/{model}")
        schemas |= body.pop("$defs", {})
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    elif route.body:
        types = ("application/x-www-form-urlencoded", "application/json")
        operation["requestBody"] = {"content": {name: {"schema": route.body} for name in types}}
    return operation


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _response(schema: str | None) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {
        "description": schema or "Empty",
        **({"content": {"application/json": {"schema": reference}}} if schema else {}),
    }


def _schemas() -> dict[str, Any]:
    """Infer the schemas of responses from examples, which hold every type that a value can have."""
    project, now = "p", 1e9
    state = State(Settings(project=project, stop_delay_ms=0, answer_delay_ms=0), lambda: now)
    stream = {"Url": "wss://example.com", "AuthorizationBearerToken": "secret"}
    plans = [{"sid": "a", "parent_call_sid": "b"}, {"sid": "c", "status": "queued", "streams": [{}]}]
    seeded = state.seed(plans)
    started = state.start_stream(project, "a", stream)
    state.update_recording(project, "a", state.start_recording(project, "a", {})["sid"], {"Status": "stopped"})
    state.start_recording(project, "a", {})
    ended, queued = state.update_call(project, "a", {"Status": "completed"}), state.call(project, "c")
    pages = [state.list_calls(project, {"PageSize": "1", "Page": page}) for page in "01"]
    settings = [Settings().model_dump(), Settings(rate_limit="1/1").model_dump()]
    entries = [Entry("GET", "/", "", {}, now, "id"), Entry("GET", "/", "", {}, now, "id", 200, "html")]
    sent = {"url": "", "stream_sid": "", "event": "", "outcome": "", "deliveries": 1}
    counts = {"calls": 0, "streams": 0, "running_streams": 0, "requests": 0}
    whole = {"settings": settings[0], **state.snapshot(), "counts": counts, "callbacks": [sent]}
    error = ApiError(400, "message")
    examples = {
        "Account": [state.account(project)],
        "Call": [ended, queued],
        "CallList": pages,
        "Stream": [started],
        "Recording": whole["recordings"],
        "State": [whole, {**whole, "settings": settings[1]}],
        "Requests": [{"total": 0, "requests": [entry.as_dict() for entry in entries]}],
        "Reset": [{"settings": one} for one in settings],
        "SeededCalls": [{"calls": seeded}],
        "Error": [error.record()],
        "ErrorList": [error.listed_record()],
        "ControlError": [{"error": ""}],
    }
    fault = {"type": "object", "required": ["kind", "fired"], "properties": {"fired": {"type": "integer"}}}
    return {
        **{name: _infer(values) for name, values in examples.items()},
        "Faults": {"type": "array", "items": fault},
        "OpenApi": {"type": "object", "required": ["openapi", "paths"]},
    }


def _infer(values: Iterable[Any], name: str = "") -> dict[str, Any]:
    values = list(values)
    types = sorted({_TYPES.get(type(value), "null") for value in values})
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if name in _FREE_OBJECTS:
        return schema
    if objects := [value for value in values if isinstance(value, dict)]:
        properties = {key: _infer((one[key] for one in objects), key) for key in objects[0]}
        schema |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    if items := [item for value in values if isinstance(value, list | tuple) for item in value]:
        schema["items"] = _infer(items)
    return schema
