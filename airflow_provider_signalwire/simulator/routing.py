"""Routes: from a request's method and path to the function that handles it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

from airflow_provider_signalwire.simulator.errors import ApiError, not_found

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route, and what the OpenAPI document says about it.

    :param handler: takes the state, the variable segments of the path, and the query of a GET or else the body
    :param returns: name of the response's schema; None for a response without a body
    :param scope: scope that the API token needs
    :param form: schema of the form that it takes
    :param body: type of a JSON body, for pydantic
    :param query: schemas of the query parameters
    :param in_thread: whether the handler may take long; then it is called without the state's lock
    :param errors: schemas of error bodies by status, where they differ from the router's
    """

    method: str
    path: str
    handler: Callable[..., Any]
    returns: str | None
    scope: str | None
    status: int = 200
    form: dict[str, Any] | None = None
    body: Any = None
    query: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    in_thread: bool = False
    errors: Mapping[int, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Router:
    """The routes below a prefix. In their paths, words and variable segments alternate.

    :param prefix: path that all routes begin with
    :param read_body: turns a content type and a body into what handlers take
    :param errors: schemas of documented error bodies by status
    :param default_error: schema of other error bodies
    :param scope: scope that the API token needs unless a route names another; None if no credentials are needed
    :param max_body: the largest body, in bytes
    """

    prefix: str
    read_body: Callable[[str, bytes], Any]
    errors: Mapping[int, str]
    default_error: str
    scope: str | None = "Voice"
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
        """Return the route of a request and the variable segments of its path.

        :param path: the path as it was sent: a stream's name may contain an encoded slash
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
