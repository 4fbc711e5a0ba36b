"""The simulator's own endpoints under ``/_simulator``: state, requests, reset, faults and seeds. They need no login.

Seeds add calls and conferences of any status and age without API requests, for tests and demos.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from airflow_provider_signalwire.simulator.compatibility.calls import Call, CallStatus, Conference, ConferenceStatus
from airflow_provider_signalwire.simulator.compatibility.endpoints import API
from airflow_provider_signalwire.simulator.errors import StrictModel, parse_json
from airflow_provider_signalwire.simulator.faults import FaultList, parse_faults
from airflow_provider_signalwire.simulator.native import CALLING, NativeCall, NativeCallStatus
from airflow_provider_signalwire.simulator.resources import Record, Resource, new_sid
from airflow_provider_signalwire.simulator.routing import Router, openapi_document
from airflow_provider_signalwire.simulator.settings import Behavior
from airflow_provider_signalwire.simulator.store import CAPACITY, Store

CONTROL = Router(
    prefix="/_simulator",
    read_body=lambda content_type, body: parse_json(body),
    errors=dict.fromkeys((400, 413, 414), "ControlError"),
    default_error="ControlError",
    scope=None,
    max_body=2 * 1024 * 1024,
)

MAX_COUNT = 10_000  # of one request

Text = Annotated[str, Field(max_length=1000)]
Sid = Annotated[str, Field(min_length=1, max_length=1000)]


class StreamSeed(StrictModel):
    """A stream of a seeded call or conference. All keys are optional."""

    name: Text = ""
    url: Text = "wss://media.example.com/stream"
    sid: Sid | None = None


class Seed(StrictModel):
    """Calls or conferences that stay as they are until a request changes them. All keys are optional.

    If the status is an ended one, they end now; ``age_seconds`` is the time since they were created.
    """

    resource_type: ClassVar[type[Resource]]

    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    status: str
    age_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0
    streams: Annotated[list[StreamSeed], Field(max_length=1000)] = Field(default=[])
    sid: Sid | None = None
    account_sid: Sid | None = None

    @model_validator(mode="after")
    def _check_sids(self) -> Self:
        sids = [stream.sid for stream in self.streams if stream.sid]
        if self.count > 1 and (self.sid or sids):
            raise ValueError("count must be 1 where a sid is given")
        if len(set(sids)) < len(sids):
            raise ValueError("two streams have the same sid")
        return self

    def resources(self, project: str, now: float, numbers: Iterator[int]) -> Iterator[Resource]:
        """Yield the calls or conferences."""
        created_at = now - self.age_seconds
        for _ in range(self.count):
            resource = self.resource_type(
                sid=self.sid or new_sid(),
                account_sid=self.account_sid or project,
                created_at=created_at,
                number=next(numbers),
                initial_status=self.status,
                **self.details(created_at),
            )
            for stream in self.streams:
                sid = stream.sid or new_sid()
                resource.add_stream(sid=sid, name=stream.name, url=stream.url, started_at=created_at)
            if self.status in resource.ended_statuses:
                resource.end(self.status, now)
            yield resource

    def details(self, created_at: float) -> Record:
        """Return the fields that only this kind of resource has."""
        return self.model_dump(exclude=set(Seed.model_fields))


class CallSeed(Seed):
    """Calls of the Compatibility API. They were dialed and, if at all, answered when they were created."""

    resource_type = Call
    status: CallStatus = "in-progress"
    to: Text = "+15550100001"
    from_: Annotated[Text, Field(alias="from")] = "+15550100002"
    parent_call_sid: Sid | None = None

    def details(self, created_at: float) -> Record:
        """Add the times of the call."""
        return {
            **Seed.details(self, created_at),
            "dialed_at": math.inf if self.status == "queued" else created_at,
            "answered_at": created_at if self.status in ("in-progress", "completed") else math.inf,
        }


class ConferenceSeed(Seed):
    """Conferences."""

    resource_type = Conference
    status: ConferenceStatus = "in-progress"
    friendly_name: Text = "Conference"


class NativeCallSeed(Seed):
    """Calls of the native engine: ``sid`` is the call's id, and that of a stream is its control id."""

    resource_type = NativeCall
    status: NativeCallStatus = "answered"
    to: Text = "+15550100001"
    from_: Annotated[Text, Field(alias="from")] = "+15550100002"


SEEDS: dict[str, type[Seed]] = {"calls": CallSeed, "conferences": ConferenceSeed, "native_calls": NativeCallSeed}
_LISTS: dict[str, Any] = {
    kind: Annotated[list[seed], Field(max_length=MAX_COUNT)]  # type: ignore[valid-type]  # computed
    for kind, seed in SEEDS.items()
}
_LIST_ADAPTERS = {kind: TypeAdapter[list[Seed]](shape) for kind, shape in _LISTS.items()}


def seed_request(kind: str) -> Any:
    """Return the type of a request that seeds: one seed, a list of seeds, or an object with such a list."""
    return SEEDS[kind] | _LISTS[kind] | dict[Literal[kind], _LISTS[kind]]  # type: ignore[valid-type]  # computed


def add_seeds(store: Store, plan: Any, kind: str) -> list[Record]:
    """Add calls or conferences without going through the API, and return their SIDs and those of their streams.

    :param plan: as of :func:`seed_request`
    :raises ValueError: if the plan is invalid or too large; then nothing is added
    """
    if isinstance(plan, dict) and plan.keys() != {kind}:
        seeds = [SEEDS[kind].model_validate(plan)]
    else:
        seeds = _LIST_ADAPTERS[kind].validate_python(plan[kind] if isinstance(plan, dict) else plan)
    if sum(seed.count for seed in seeds) > MAX_COUNT:
        raise ValueError(f"a request can add at most {MAX_COUNT:,} {kind}: their count is larger")
    if sum(seed.count * (1 + len(seed.streams)) for seed in seeds) > store.free:
        raise ValueError(f"the simulator would be full ({CAPACITY:,} calls, conferences and streams)")
    now, settings = store.clock(), store.settings
    if unknown := {seed.account_sid for seed in seeds} - {None, settings.project, *settings.subprojects}:
        raise ValueError(f"there is no account {unknown.pop()!r}")
    added = [one for seed in seeds for one in seed.resources(settings.project, now, store.numbers)]
    store.add(added)
    return [
        {"sid": one.sid, "streams": [{"sid": it.sid, "name": it.name} for it in one.streams.values()]} for one in added
    ]


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
