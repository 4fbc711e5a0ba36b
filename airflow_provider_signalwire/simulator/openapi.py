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
    dict: "object",
    list: "array",
    tuple: "array",
}
_FREE_OBJECTS = ("parameters", "form")
_FORMS = ("application/x-www-form-urlencoded", "application/json")
_SCHEMA = "#/components/schemas/{model}"


@functools.cache
def openapi_document(api: Router, control: Router) -> dict[str, Any]:
    """Describe both routers in OpenAPI 3.1."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    api_errors = dict.fromkeys((400, 401, 404, 413, 414, 422, 429, 503), "Error")
    control_errors = dict.fromkeys((400, 413, 414), "ControlError")
    for router, errors in ((api, api_errors), (control, control_errors)):
        for route in router.routes:
            operation = _operation(route, errors, schemas)
            operation["security"] = [{"basic": []}] if router is api else []
            paths.setdefault(router.prefix + route.path, {})[route.method.lower()] = operation
    components = {"schemas": schemas, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}}
    info = {"title": "SignalWire simulator", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _operation(route: Route, errors: dict[int, str], schemas: dict[str, Any]) -> dict[str, Any]:
    names = re.findall("{(.+?)}", route.path)
    string = {"type": "string", "minLength": 1}
    parameters = [{"name": name, "in": "path", "required": True, "schema": string} for name in names]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in (route.query or {}).items()]
    results = {**errors, **({400: "ErrorList"} if route.lists_errors else {}), route.status: route.returns}
    responses = {str(status): _response(name) for status, name in results.items()}
    operation = {"operationId": route.handler.__name__.lstrip("_"), "parameters": parameters, "responses": responses}
    if isinstance(route.body, TypeAdapter):
        body = route.body.json_schema(ref_template=_SCHEMA)
        schemas |= body.pop("$defs", {})
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    elif route.body:
        operation["requestBody"] = {"content": {name: {"schema": route.body} for name in _FORMS}}
    return operation


def _response(schema: str | None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _SCHEMA.format(model=schema)}}}
    return {"description": schema or "Empty", **({"content": content} if schema else {})}


def _schemas() -> dict[str, Any]:
    """Infer the schemas of responses from examples, which have every type that a value can have."""
    delays = dict.fromkeys(("latency_ms", "answer_delay_ms", "stop_delay_ms"), 0.5)
    settings = [Settings(), Settings(subprojects=("s",), rate_limit="1/1", **delays)]  # type: ignore[arg-type]
    project, now = settings[0].project, 1e9
    state = State(settings[0], lambda: now)
    seeded = state.seed([{"sid": "a", "parent_call_sid": "b"}, {"sid": "c", "status": "queued", "streams": [{}]}])
    token = {"AuthorizationBearerToken": "secret"}
    stream = state.start_stream(project, "a", {"Url": "wss://example.com", **token})
    running = state.start_recording(project, "a", {})
    state.update_recording(project, "a", running["sid"], {"Status": "stopped"})
    calls = [state.update_call(project, "a", {"Status": "completed"}), state.call(project, "c")]
    entries = [Entry("GET", "/", "", {}, now, "", *result).as_dict() for result in ((), (200, "html"))]
    sent = {"url": "", "stream_sid": "", "event": "", "outcome": "", "deliveries": 1}
    resets = [{"settings": one.model_dump()} for one in settings]
    world = {**state.snapshot(), "callbacks": [sent]}
    world["counts"]["requests"] = 0
    examples: dict[str, list[Any]] = {
        "Account": [state.account(project)],
        "Call": calls,
        "CallList": [state.list_calls(project, {"PageSize": "1", "Page": page}) for page in "01"],
        "Stream": [stream],
        "Recording": [running, *world["recordings"]],
        "State": [reset | world for reset in resets],
        "Requests": [{"total": 0, "requests": entries}],
        "Reset": resets,
        "SeededCalls": [{"calls": seeded}],
        "Error": [ApiError(400, "").record()],
        "ErrorList": [ApiError(400, "").listed_record()],
        "ControlError": [{"error": ""}],
        "OpenApi": [{}],
    }
    fault = {"type": "object", "required": ["kind", "fired"], "properties": {"fired": {"type": "integer"}}}
    faults = {"type": "array", "items": fault}
    return {"Faults": faults, **{name: _infer(values) for name, values in examples.items()}}


def _infer(examples: Iterable[Any], name: str = "") -> dict[str, Any]:
    values = list(examples)
    types = sorted({_TYPES.get(type(value), "null") for value in values})
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    objects = [value for value in values if isinstance(value, dict) and value]
    if objects and name not in _FREE_OBJECTS:
        properties = {key: _infer((one[key] for one in objects), key) for key in objects[0]}
        schema |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    if items := [item for value in values if isinstance(value, list | tuple) for item in value]:
        schema["items"] = _infer(items)
    return schema
