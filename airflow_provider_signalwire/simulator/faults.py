"""Faults: which requests they affect, and how."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

from pydantic import Field, PrivateAttr, TypeAdapter, create_model

from airflow_provider_signalwire.simulator.compatibility.calls import API_PREFIX
from airflow_provider_signalwire.simulator.errors import ApiError, StrictModel
from airflow_provider_signalwire.simulator.exchange import ClientGoneError, Exchange, Response, json_response

Process = Callable[[], Response]  # processes the request and returns its response

_HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>\n"
_SLOW_PARTS = 20
_TIME_TO_READ = 0.05

Count = Annotated[int, Field(ge=0, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Status = Annotated[int, Field(ge=200, le=599)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=10_000)]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9-]+$", max_length=100)]
When = (Literal["before", "after"], "before")

# The keys that each kind takes besides the common ones: type and default.
_KINDS: dict[str, dict[str, Any]] = {
    "status": {"status": (Status, ...), "headers": (dict[HeaderName, Line], {}), "body": (Any, None), "when": When},
    "reset": {"when": (Literal["before", "middle", "after"], "before")},
    "hang": {"seconds": (Seconds, 3600), "when": When},
    "slow": {"seconds": (Seconds, ...)},
    "truncate": {},
    "html": {"status": (Status, 200)},
    "empty": {},
    "json": {"status": (Status, 200), "body": (Any, ...)},
    "patch": {"set": (dict[str, Any], {}), "drop": (list[str], [])},
    "oversize": {"bytes": (Annotated[int, Field(ge=10, le=2**30)], 20 * 2**20)},
    "redirect": {"location": (Line, ...), "status": (Annotated[int, Field(ge=300, le=399)], 302)},
}


class Match(StrictModel):
    """Which requests a fault affects: those that fit every key given."""

    method: str | None = None
    path_contains: str = ""
    path: str | None = None


class Fault(StrictModel):
    """A fault, and how often it has fired."""

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
        """Create the random generator; with a seed, its numbers are repeatable."""
        self._random = random.Random(self.seed)  # noqa: S311  # nothing secret depends on it

    def fires(self, method: str, path: str) -> bool:
        """Return whether the fault affects this request, and count that."""
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
        """Apply the fault to a request."""
        if act := {"reset": _reset, "hang": _hang, "slow": _slow}.get(self.kind):
            await act(self, exchange, process)
        else:
            await exchange.respond(_response(self, exchange, process))


_MODELS = tuple(
    create_model(f"{kind.title()}Fault", __base__=Fault, kind=(Literal[kind], ...), **keys)  # type: ignore[arg-type]  # computed
    for kind, keys in _KINDS.items()
)
# ruff: noqa: UP007  # a union of what a tuple holds cannot be written with "|"
_AnyFault = Annotated[Union[_MODELS], Field(discriminator="kind")]  # type: ignore[valid-type]  # computed
FaultList = Annotated[list[_AnyFault], Field(max_length=1000)]
_FAULTS: TypeAdapter[list[Any]] = TypeAdapter(FaultList)


def parse_faults(descriptions: object) -> list[Fault]:
    """Parse a list of faults.

    :raises ValueError: if one of them is invalid, or there are more than 1,000
    """
    return _FAULTS.validate_python(descriptions)


async def _reset(fault: Any, exchange: Exchange, process: Process) -> None:
    if fault.when != "before":
        response = process()
    if fault.when == "middle":
        await exchange.start(response)
        await exchange.send_body(response.body[: len(response.body) // 2], more=True)
        # A reset discards what the client has not read yet, so leave it time to read.
        with contextlib.suppress(ClientGoneError):
            await exchange.pause(_TIME_TO_READ)
    await exchange.abort()


async def _hang(fault: Any, exchange: Exchange, process: Process) -> None:
    response = process() if fault.when == "after" else None
    await exchange.pause(fault.seconds)
    await exchange.respond(response or process())


async def _slow(fault: Any, exchange: Exchange, process: Process) -> None:
    response = process()
    body = response.body
    await exchange.start(response)
    size = max(1, len(body) // _SLOW_PARTS)
    for at in range(0, len(body), size):
        await exchange.pause(fault.seconds * size / len(body))
        await exchange.send_body(body[at : at + size], more=True)
    await exchange.send_body(b"")


def _response(fault: Any, exchange: Exchange, process: Process) -> Response:
    """Return a complete response with the wrong content."""
    match fault.kind:
        case "status":
            if fault.when == "after":
                process()
            if fault.body is None:
                error = ApiError(fault.status, "A fault of the simulator.", headers=fault.headers)
                return exchange.error_response(error)
            if isinstance(fault.body, str):
                headers = {"Content-Type": "text/plain; charset=utf-8", **fault.headers}
                return Response(fault.status, fault.body.encode(errors="replace"), headers)
            return json_response(fault.status, fault.body, fault.headers)
        case "html":
            return Response(fault.status, _HTML, {"Content-Type": "text/html; charset=utf-8"})
        case "empty":
            return Response(200)
        case "json":
            return json_response(fault.status, fault.body)
        case "oversize":
            return Response(200, b'{"sid":"%s"}' % (b"x" * (fault.bytes - 10)))
        case "redirect":
            return Response(fault.status, b"", {"Location": fault.location})
    response = process()
    if fault.kind == "truncate":
        response.body = response.body[: len(response.body) // 2]
    elif response.body:  # patch
        record = {**json.loads(response.body), **fault.set}
        response.body = json.dumps({key: value for key, value in record.items() if key not in fault.drop}).encode()
    return response
