"""Faults: which requests go wrong, and how."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    create_model,
)

from airflow_provider_signalwire.simulator.compatibility.calls import API_PREFIX
from airflow_provider_signalwire.simulator.errors import ApiError, describe_problem
from airflow_provider_signalwire.simulator.exchange import (
    JSON_TYPE,
    ClientGoneError,
    Exchange,
    Response,
    encode_headers,
    error_response,
    json_response,
)

_HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>\n"
_SLOW_PARTS = 20
_TIME_TO_READ = 0.05
_PART = b"x" * 65536
_MAX_DEPTH = 100
MAX_FAULTS = 1000

_STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

Process = Callable[[], Awaitable[Response]]


def _check_depth(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(inner, depth + 1)
    return value


Json = Annotated[Any, AfterValidator(_check_depth)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Status = Annotated[int, Field(ge=200, le=599)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=10_000)]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9-]+$", max_length=100)]
When = (Literal["before", "after"], "before")

# The keys that each kind takes besides the common ones: type and default.
_KINDS: dict[str, dict[str, Any]] = {
    "status": {"status": (Status, ...), "headers": (dict[HeaderName, Line], {}), "body": (Json, None), "when": When},
    "reset": {"when": (Literal["before", "middle", "after"], "before")},
    "hang": {"seconds": (Seconds, 3600), "when": When},
    "slow": {"seconds": (Seconds, ...)},
    "truncate": {},
    "html": {"status": (Status, 200)},
    "empty": {},
    "json": {"status": (Status, 200), "body": (Json, ...)},
    "patch": {"set": (Annotated[dict[str, Any], AfterValidator(_check_depth)], {}), "drop": (list[str], [])},
    "oversize": {"bytes": (Annotated[int, Field(ge=10, le=2**30)], 20 * 2**20)},
    "redirect": {"location": (Line, ...), "status": (Annotated[int, Field(ge=300, le=399)], 302)},
}


class Match(BaseModel):
    """Which requests a fault affects: those that fit every key given."""

    model_config = _STRICT

    method: str | None = None
    path_contains: str = ""
    path: str | None = None


class Fault(BaseModel):
    """A fault, and how often it has fired."""

    model_config = _STRICT

    kind: str
    match: Match = Match()
    times: Annotated[Count, Field(ge=1)] | None = 1
    skip: Count = 0
    probability: Annotated[float, Field(ge=0, le=1)] = 1
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    _fired: int = PrivateAttr(0)
    _skipped: int = PrivateAttr(0)
    _random: random.Random = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Prepare the chance: with a seed, it is the same each time."""
        self._random = random.Random(self.seed)  # noqa: S311  # nothing secret depends on it

    def fires(self, method: str, path: str) -> bool:
        """Return whether this request goes wrong, and count it."""
        match = self.match
        if (
            (self.times is not None and self._fired >= self.times)
            or (match.method is not None and match.method.upper() != method)
            or match.path_contains not in path
            or (match.path is not None and match.path != path.removeprefix(API_PREFIX).removesuffix(".json"))
        ):
            return False
        if self._skipped < self.skip:
            self._skipped += 1
            return False
        if self.probability < 1 and self._random.random() >= self.probability:
            return False
        self._fired += 1
        return True

    def describe(self) -> dict[str, Any]:
        """Return the fault as it was given, and how often it fired."""
        return {**self.model_dump(exclude_unset=True), "fired": self._fired}

    async def act(self, exchange: Exchange, process: Process) -> None:
        """Let a request go wrong.

        :param process: processes the request and returns its response; some kinds do not call it
        """
        response_of = _RESPONSES.get(self.kind)
        if response_of:
            await exchange.respond(await response_of(self, process))
        else:
            await _CONNECTIONS[self.kind](self, exchange, process)


_MODELS = tuple(
    create_model(f"{kind.title()}Fault", __base__=Fault, kind=(Literal[kind], ...), **keys)  # type: ignore[arg-type]
    for kind, keys in _KINDS.items()
)
# ruff: noqa: UP007  # a union of what a tuple holds cannot be written with "|"
_AnyFault = Annotated[Union[_MODELS], Field(discriminator="kind")]  # type: ignore[valid-type]
FAULTS: TypeAdapter[list[Any]] = TypeAdapter(Annotated[list[_AnyFault], Field(max_length=MAX_FAULTS)])


def parse_faults(descriptions: object) -> list[Fault]:
    """Parse a list of faults.

    :raises ValueError: if one of them is invalid
    """
    if isinstance(descriptions, list) and len(descriptions) > MAX_FAULTS:
        raise ValueError(f"the list has more than {MAX_FAULTS:,} faults")  # before each of them is validated
    try:
        return FAULTS.validate_python(descriptions)
    except ValidationError as error:
        raise ValueError(describe_problem(error)) from None


async def _status(fault: Any, process: Process) -> Response:
    if fault.when == "after":
        await process()
    if fault.body is None:
        return error_response(ApiError(fault.status, "A fault of the simulator.", headers=fault.headers))
    if isinstance(fault.body, str):
        plain = (b"content-type", b"text/plain; charset=utf-8")
        return Response(fault.status, fault.body.encode(errors="replace"), [plain, *encode_headers(fault.headers)])
    return json_response(fault.status, fault.body, fault.headers)


async def _truncate(fault: Any, process: Process) -> Response:
    response = await process()
    return Response(response.status, response.body[: len(response.body) // 2], response.headers)


async def _html(fault: Any, process: Process) -> Response:
    return Response(fault.status, _HTML, [(b"content-type", b"text/html; charset=utf-8")])


async def _empty(fault: Any, process: Process) -> Response:
    return Response(200, b"", [JSON_TYPE])


async def _json(fault: Any, process: Process) -> Response:
    return json_response(fault.status, fault.body)


async def _patch(fault: Any, process: Process) -> Response:
    response = await process()
    if response.body:
        record = {**json.loads(response.body), **fault.set}
        response.body = json.dumps({key: value for key, value in record.items() if key not in fault.drop}).encode()
    return response


async def _redirect(fault: Any, process: Process) -> Response:
    return Response(fault.status, b"", encode_headers({"Location": fault.location}))


async def _reset(fault: Any, exchange: Exchange, process: Process) -> None:
    response = None if fault.when == "before" else await process()
    if response is not None and fault.when == "middle":
        await exchange.start(response.status, response.headers, len(response.body))
        await exchange.send_body(response.body[: len(response.body) // 2], more=True)
        # A reset overtakes what the client has not read yet: leave time to read.
        with contextlib.suppress(ClientGoneError):
            await exchange.pause(_TIME_TO_READ)
    await exchange.reset()


async def _hang(fault: Any, exchange: Exchange, process: Process) -> None:
    response = await process() if fault.when == "after" else None
    await exchange.pause(fault.seconds)
    await exchange.respond(response or await process())


async def _slow(fault: Any, exchange: Exchange, process: Process) -> None:
    response = await process()
    body = response.body
    await exchange.start(response.status, response.headers, len(body))
    size = max(1, len(body) // _SLOW_PARTS)
    for at in range(0, len(body), size):
        await exchange.pause(fault.seconds * size / len(body))
        await exchange.send_body(body[at : at + size], more=True)
    await exchange.send_body(b"")


async def _oversize(fault: Any, exchange: Exchange, process: Process) -> None:
    await exchange.start(200, [JSON_TYPE], fault.bytes)
    await exchange.send_body(b'{"sid":"', more=True)
    # In parts, so that the server waits for a slow client and notices one that has gone.
    for left in range(fault.bytes - 10, 0, -len(_PART)):
        await exchange.send_body(_PART[:left], more=True)
        await asyncio.sleep(0)
    await exchange.send_body(b'"}')


_RESPONSES: dict[str, Callable[[Any, Process], Awaitable[Response]]] = {
    "status": _status,
    "truncate": _truncate,
    "html": _html,
    "empty": _empty,
    "json": _json,
    "patch": _patch,
    "redirect": _redirect,
}
_CONNECTIONS: dict[str, Callable[[Any, Exchange, Process], Awaitable[None]]] = {
    "reset": _reset,
    "hang": _hang,
    "slow": _slow,
    "oversize": _oversize,
}
