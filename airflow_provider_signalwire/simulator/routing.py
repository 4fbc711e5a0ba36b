"""Routes: from a request's method and path to the function that handles it, and the OpenAPI document of them all."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import TypeAdapter

from airflow_provider_signalwire.simulator.errors import ApiError, not_found

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])

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


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route, and what the OpenAPI document says about it."""

    method: str
    path: str
    handler: Callable[..., Any]  # takes the store, the path's variable segments, and the query (of a GET) or the body
    returns: str | None  # name of the response's schema; None for a response without a body
    scope: str | None  # scope that the API token needs
    status: int = 200
    body: Any = None  # type of the body, for pydantic
    query: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # schemas of the query parameters
    errors: Mapping[int, str] = dataclasses.field(default_factory=dict)  # where they differ from the router's


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Router:
    """The routes below a prefix. In their paths, words and variable segments alternate."""

    prefix: str
    read_body: Callable[[str, bytes], Any]  # turns a content type and a body into what handlers take
    errors: Mapping[int, str]  # schemas of documented error bodies by status
    default_error: str  # schema of other error bodies
    content_types: tuple[str, ...] = ("application/json",)
    scope: str | None = "Voice"  # that routes need unless they name another; None if no credentials are needed
    max_body: int = 64 * 1024
    routes: list[Route] = dataclasses.field(default_factory=list, init=False)
    _by_shape: dict[tuple[str, int], dict[str, Route]] = dataclasses.field(default_factory=dict, init=False)

    def route(self, method: str, path: str, **details: Any) -> Callable[[HandlerT], HandlerT]:
        """Register the decorated function for a method and a path such as ``/Calls/{CallSid}``."""

        def register(handler: HandlerT) -> HandlerT:
            route = Route(method=method, path=path, handler=handler, **{"scope": self.scope, **details})
            self.routes.append(route)
            self._by_shape.setdefault(_shape(path)[0], {})[method] = route
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, list[str]]:
        """Return the route of a request, and the variable segments of its path.

        The path is as it was sent, because a stream's name may contain an encoded slash.

        :raises ApiError: 404 or 405
        """
        shape, values = _shape(path.removeprefix(self.prefix))
        methods = self._by_shape.get(shape)
        if methods is None or not path.startswith(f"{self.prefix}/") or not all(values):
            raise not_found(path)
        if method not in methods:
            raise ApiError(405, f"{method} is not allowed here.", headers={"Allow": ", ".join(methods)})
        return methods[method], [unquote(value) for value in values]

    def error_shape(self, method: str, path: str, status: int) -> str:
        """Return the schema of the error body that a request gets with a status."""
        route = self._by_shape.get(_shape(path.removeprefix(self.prefix))[0], {}).get(method)
        return {**self.errors, **(route.errors if route else {})}.get(status, self.default_error)


def _shape(path: str) -> tuple[tuple[str, int], list[str]]:
    segments = path.removesuffix(".json").split("/")[1:]
    return ("/".join(segments[0::2]), len(segments)), segments[1::2]


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
            paths.setdefault(router.prefix + route.path, {})[route.method.lower()] = _operation(route, router, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "SignalWire simulator", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
    }


def _operation(route: Route, router: Router, schemas: dict[str, Any]) -> dict[str, Any]:
    """Describe a route; add the schemas that its body needs."""
    names, segment = re.findall("{(.+?)}", route.path), {"type": "string", "minLength": 1}
    results = {**router.errors, **route.errors, route.status: route.returns}
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__.lstrip("_"),
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": segment} for name in names),
            *({"name": name, "in": "query", "schema": schema} for name, schema in route.query.items()),
        ],
        "responses": {str(status): _response(name) for status, name in results.items()},
    }
    if route.body is not None:
        body = TypeAdapter(route.body).json_schema(ref_template=_SCHEMA)
        schemas |= body.pop("$defs", {})
        operation["requestBody"] = {"content": {name: {"schema": body} for name in router.content_types}}
    return {**operation, "security": [] if router.scope is None else [{"basic": []}]}


def _response(schema: str | None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _SCHEMA.format(model=schema)}}}
    return {"description": schema or "Empty", **({"content": content} if schema else {})}
