"""Calls put in place at once, in any status and of any age, for tests and demos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airflow_provider_signalwire.simulator.compatibility.calls import (
    ENDED_STATUSES,
    NEVER,
    Call,
    CallStatus,
    Stream,
    new_sid,
)

CALL_SIZE, STREAM_SIZE = 1000, 600  # bytes in memory beside their strings
MAX_CALLS = 10_000  # of one request

_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)
Text = Annotated[str, Field(max_length=1000)]
Sid = Annotated[str, Field(min_length=1, max_length=1000)]


class StreamSeed(BaseModel):
    """A stream of a seeded call. All keys are optional."""

    model_config = _STRICT

    name: Text = ""
    url: Text = "wss://media.example.com/stream"
    sid: Sid | None = None


class CallSeed(BaseModel):
    """Calls that stay as they are until a request changes them. All keys are optional.

    An ended call ended just now; ``age_seconds`` is how long ago a call was created, dialed and, if at all, answered.
    """

    model_config = _STRICT

    count: Annotated[int, Field(ge=1, le=MAX_CALLS)] = 1
    status: CallStatus = "in-progress"
    age_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0
    to: Text = "+15550100001"
    from_: Annotated[Text, Field(alias="from")] = "+15550100002"
    streams: Annotated[list[StreamSeed], Field(max_length=1000)] = []
    sid: Sid | None = None
    account_sid: Sid | None = None
    parent_call_sid: Sid | None = None

    @model_validator(mode="after")
    def _check_sids(self) -> Self:
        sids = [stream.sid for stream in self.streams if stream.sid]
        if self.count > 1 and (self.sid or sids):
            raise ValueError("a sid can be given to one call only: count must be 1")
        if len(set(sids)) < len(sids):
            raise ValueError("two streams of a call have the same sid")
        return self

    @property
    def size(self) -> int:
        """Bytes that one of the calls takes in memory."""
        streams = sum(STREAM_SIZE + len(stream.name) + len(stream.url) for stream in self.streams)
        return CALL_SIZE + len(self.to) + len(self.from_) + streams

    def calls(self, project: str, now: float, numbers: Iterator[int]) -> Iterator[Call]:
        """Yield the calls."""
        created_at, account_sid, size = now - self.age_seconds, self.account_sid or project, self.size
        was_answered = self.status in ("in-progress", "completed")
        for _ in range(self.count):
            call = Call(
                sid=self.sid or new_sid(),
                account_sid=account_sid,
                to=self.to,
                from_=self.from_,
                created_at=created_at,
                dialed_at=NEVER if self.status == "queued" else created_at,
                answered_at=created_at if was_answered else NEVER,
                number=next(numbers),
                size=size,
                parent_call_sid=self.parent_call_sid,
            )
            for seed in self.streams:
                stream = Stream(
                    sid=seed.sid or new_sid(),
                    account_sid=account_sid,
                    call_sid=call.sid,
                    name=seed.name,
                    url=seed.url,
                    started_at=created_at,
                )
                call.streams[stream.sid] = stream
            if self.status in ENDED_STATUSES:
                call.end(self.status, now)
            yield call


class CallSeeds(BaseModel):
    """Different calls, in the shape of the response."""

    model_config = _STRICT

    calls: Annotated[list[CallSeed], Field(max_length=MAX_CALLS)]


SeedRequest = CallSeed | Annotated[list[CallSeed], Field(max_length=MAX_CALLS)] | CallSeeds


def parse_seeds(plan: Any) -> list[CallSeed]:
    """Parse one seed, a list of seeds, or an object with such a list as ``calls``.

    :raises ValueError: if it is anything else, or more than 10,000 calls
    """
    if isinstance(plan, dict) and "calls" not in plan:
        return [CallSeed.model_validate(plan)]
    seeds = CallSeeds.model_validate(plan if isinstance(plan, dict) else {"calls": plan}).calls
    if sum(seed.count for seed in seeds) > MAX_CALLS:
        raise ValueError(f"a request can add at most {MAX_CALLS:,} calls: their count is larger")
    return seeds
