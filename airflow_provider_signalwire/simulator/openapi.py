"""The simulator's OpenAPI document, made from its routes."""

from __future__ import annotations

import functools
import re
from typing import Any

from pydantic import TypeAdapter

from airflow_provider_signalwire.simulator.routing import Route, Router

_FORMS = ("application/x-www-form-urlencoded", "application/json")
_SCHEMA = "#/components/schemas/{model}"
_RECORD = "sid account_sid status date_updated uri"
# The keys that responses always have, by the names that routes use. SignalWire documents their values.
_REQUIRED_KEYS = {
    "Account": "sid friendly_name status type owner_account_sid uri subresource_uris",
    "Call": f"{_RECORD} to from direction start_time end_time duration subresource_uris",
    "CallList": "uri first_page_uri next_page_uri previous_page_uri page page_size calls",
    "Stream": f"{_RECORD} call_sid name",
    "Conference": f"{_RECORD} friendly_name date_created api_version region subresource_uris",
    "ConferenceList": "uri first_page_uri next_page_uri previous_page_uri page page_size conferences",
    "ConferenceStream": f"{_RECORD} conference_sid name",
    "NativeCall": "id from to direction source url charge created_at charge_details status type",
    "Recording": f"{_RECORD} call_sid channels trim start_time end_time duration",
    "State": "settings calls conferences native_calls streams recordings counts callbacks",
    "Requests": "total requests",
    "Settings": "settings",
    "SeededCalls": "calls",
    "SeededConferences": "conferences",
    "SeededNativeCalls": "native_calls",
    "Fault": "kind fired",
    "Error": "code message more_info status",
    **dict.fromkeys(("ErrorList", "ErrorTexts", "NativeErrors"), "errors"),
    **dict.fromkeys(("NativeError", "ControlError"), "error"),
    "OpenApi": "openapi info paths components",
}


@functools.cache
def openapi_document(*routers: Router) -> dict[str, Any]:
    """Describe the routes in OpenAPI 3.1."""
    schemas: dict[str, Any] = {
        name: {"type": "object", "required": keys.split()} for name, keys in _REQUIRED_KEYS.items()
    }
    schemas["Faults"] = {"type": "array", "items": {"$ref": _SCHEMA.format(model="Fault")}}
    paths: dict[str, dict[str, Any]] = {}
    for router in routers:
        for route in router.routes:
            operation = _operation(route, router, schemas)
            operation["security"] = [] if router.scope is None else [{"basic": []}]
            paths.setdefault(router.prefix + route.path, {})[route.method.lower()] = operation
    components = {"schemas": schemas, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}}
    info = {"title": "SignalWire simulator", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _operation(route: Route, router: Router, schemas: dict[str, Any]) -> dict[str, Any]:
    string = {"type": "string", "minLength": 1}
    parameters = [
        *(
            {"name": name, "in": "path", "required": True, "schema": string}
            for name in re.findall("{(.+?)}", route.path)
        ),
        *({"name": name, "in": "query", "schema": schema} for name, schema in route.query.items()),
    ]
    results = {**router.errors, **route.errors, route.status: route.returns}
    responses = {str(status): _response(name) for status, name in results.items()}
    operation = {"operationId": route.handler.__name__.lstrip("_"), "parameters": parameters, "responses": responses}
    if route.form is not None:
        operation["requestBody"] = {"content": {name: {"schema": route.form} for name in _FORMS}}
    elif route.body is not None:
        body = TypeAdapter(route.body).json_schema(ref_template=_SCHEMA)
        schemas |= body.pop("$defs", {})
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation


def _response(schema: str | None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _SCHEMA.format(model=schema)}}}
    return {"description": schema or "Empty", **({"content": content} if schema else {})}
