"""The scenarios that meet faults, the requests that each sends if nothing goes wrong, and the operator of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperator
from fault_list import FAULTS, Fault
from fault_secrets import BEARER, URL_KEY

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator, StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

STREAMS_IN_BATCH = 3
STREAM_NAME = "media"


class Seeded(NamedTuple):
    """What exists before the task runs: calls, and the SID of the stream that each has."""

    call_sids: list[str]
    stream_sids: list[str]


class Scenario(NamedTuple):
    """One way to send requests."""

    name: str  # the column of the table
    requests: tuple[str, ...]  # the request sequence: what each request is about
    middle: int  # the position of the request in the middle
    described: str  # the request in the middle, for the page
    other_requests: tuple[str, ...] | None = None  # the sequence for a fault in the middle, where it differs
    waits: bool = False  # the task polls until a deadline


# The first stop returns "queued", the call is read, and the second stop returns "stopped".
_WAIT = ("stop", "call", "stop")

SCENARIOS = (
    Scenario("stop", ("stop",), 1, "the read of the call, which has ended, after the refused stop", ("stop", "call")),
    Scenario("stop, waiting", _WAIT, 2, "the second poll", waits=True),
    Scenario("stop, deferred", _WAIT, 2, "the first poll of the trigger", waits=True),
    Scenario("sensor, poke", _WAIT, 2, "the second poll", waits=True),
    Scenario("sensor, reschedule", _WAIT, 2, "the poll after the reschedule", waits=True),
    Scenario("sensor, deferrable", _WAIT, 2, "the first poll of the trigger", waits=True),
    Scenario("call sensor", ("call", "call"), 1, "the second poll", waits=True),
    Scenario("batch", ("stop",) * STREAMS_IN_BATCH, 1, "the stop of the second of three streams"),
    Scenario("cleanup", ("page",) + ("stop",) * STREAMS_IN_BATCH, 2, "the stop of the second of three streams"),
    # The response to the start is lost, so the stream is stopped by its name and started again.
    Scenario(
        "start",
        ("start",),
        1,
        "the stop by name of a stream whose start was processed, but its response lost",
        ("start", "stop", "start"),
    ),
)


class Case(NamedTuple):
    """A fault, a scenario that meets it, and where."""

    fault: Fault
    scenario: Scenario
    position: str

    def __str__(self) -> str:
        return f"{self.fault.name}-{self.scenario.name}-{self.position}"

    @property
    def requests(self) -> tuple[str, ...]:
        """What is sent if nothing goes wrong."""
        return (self.position == "middle" and self.scenario.other_requests) or self.scenario.requests

    @property
    def at(self) -> int:
        """The position of the first affected request."""
        return self.scenario.middle if self.position == "middle" else 0

    @property
    def affected(self) -> str:
        """What the first affected request is about."""
        return self.requests[self.at]

    @property
    def is_once(self) -> bool:
        """Whether only one request meets the fault."""
        return self.position != "always"

    @property
    def repeats_until_deadline(self) -> bool:
        """Whether requests are repeated until a deadline, so that their number varies."""
        fault = self.fault
        stays = not self.is_once and fault.is_transient and not fault.is_accepted
        if self.scenario.name == "start":  # it looks for what it may have started
            return (stays and not fault.is_known_unprocessed) or (fault.is_killed and not fault.is_processed)
        return stays and self.scenario.waits


CASES = tuple(
    case
    for fault in FAULTS
    for scenario in SCENARIOS
    for position in fault.positions
    if (case := Case(fault, scenario, position)).affected in fault.affects
)


def make_operator(scenario: str, seeded: Seeded, connection: str, *, timeout: float = 60) -> BaseOperator:
    """Return the operator of a scenario."""
    call_sid = seeded.call_sids[0]
    stream = {"call_sid": call_sid, "stream_sid": (seeded.stream_sids or [""])[0]}
    waiting = {"wait_for_completion": True, "poll_interval": 0.1, "timeout": timeout}
    polling = {"poke_interval": 0.01, "timeout": timeout}
    # One after another, so that it is known which request is which.
    one_by_one = {"max_concurrency": 1}
    makers: dict[str, Callable[..., BaseOperator]] = {
        "stop": lambda **task: StopCallStreamOperator(**stream, **task),
        "stop, waiting": lambda **task: StopCallStreamOperator(**stream, **waiting, **task),
        "stop, deferred": lambda **task: StopCallStreamOperator(**stream, **waiting, deferrable=True, **task),
        "sensor, poke": lambda **task: CallStreamStatusSensor(**stream, **polling, **task),
        "sensor, reschedule": lambda **task: CallStreamStatusSensor(**stream, **polling, mode="reschedule", **task),
        "sensor, deferrable": lambda **task: CallStreamStatusSensor(**stream, **polling, deferrable=True, **task),
        "call sensor": lambda **task: CallStatusSensor(call_sid=call_sid, **polling, **task),
        "batch": lambda **task: StopCallStreamsOperator(
            streams=[
                {"call_sid": call, "stream_sid": stream}
                for call, stream in zip(seeded.call_sids, seeded.stream_sids, strict=True)
            ],
            **one_by_one,
            **task,
        ),
        "cleanup": lambda **task: CallStreamCleanupOperator(
            stream_names=[STREAM_NAME], min_call_age=60, **one_by_one, **task
        ),
        "start": lambda **task: StartCallStreamOperator(
            call_sid=call_sid,
            url=f"wss://media.example.com/stream?key={quote(URL_KEY, safe='')}",
            name=STREAM_NAME,
            authorization_bearer_token=BEARER,
            **task,
        ),
    }
    arguments: dict[str, Any] = {"task_id": "task", "signalwire_conn_id": connection}
    return makers[scenario](**arguments)
