"""Every way to meet a fault, and at which request: what is sent when nothing goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fault_list import FAULTS, Fault

POSITIONS = ("first", "middle", "always")


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is sent in one way and from one scene.

    :param requests: what each request is about
    :param at: the request that meets the fault; all of them if the position is ``always``
    """

    requests: tuple[str, ...]
    at: int = 0


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to send requests.

    :param name: the column of the table
    :param first: its course, with the fault at the first request
    :param middle: its course, with the fault later on
    :param what_is_middle: the request in the middle, in words
    """

    name: str
    first: Course
    middle: Course
    what_is_middle: str

    def course(self, position: str) -> Course:
        """Return the course for a fault at that position."""
        return self.middle if position == "middle" else self.first


def _in_line(name: str, requests: tuple[str, ...], at: int, what_is_middle: str) -> Way:
    return Way(
        name=name,
        first=Course(requests=requests),
        middle=Course(requests=requests, at=at),
        what_is_middle=what_is_middle,
    )


# The first stop is answered "queued", then the call is read, and the second stop is answered "stopped".
_WAITING = ("stop", "call", "stop")
STREAMS_IN_BATCH = 3

WAYS = (
    Way(
        name="stop",
        first=Course(requests=("stop",)),
        # The call has ended, so its stop is refused, and the call is read.
        middle=Course(requests=("stop", "call"), at=1),
        what_is_middle="the read of the call, which has ended, after the refused stop",
    ),
    _in_line("stop, waiting", _WAITING, 2, "the second look"),
    _in_line("stop, deferred", _WAITING, 2, "the first look of the trigger"),
    _in_line("sensor, poke", _WAITING, 2, "the second look"),
    _in_line("sensor, reschedule", _WAITING, 2, "the look after the reschedule"),
    _in_line("sensor, deferrable", _WAITING, 2, "the first look of the trigger"),
    _in_line("call sensor", ("call", "call"), 1, "the second look"),
    _in_line("batch", ("stop",) * STREAMS_IN_BATCH, 1, "the stop of the second of three streams"),
    _in_line("cleanup", ("page",) + ("stop",) * STREAMS_IN_BATCH, 2, "the stop of the second of three streams"),
    Way(
        name="start",
        first=Course(requests=("start",)),
        # The answer to the start is lost, so the stream is stopped by its name and started anew.
        middle=Course(requests=("start", "stop", "start"), at=1),
        what_is_middle="the stop of a stream whose start was processed, but not answered",
    ),
)


class Cell(NamedTuple):
    """A fault, a way to meet it, and where."""

    fault: Fault
    way: Way
    position: str

    def __str__(self) -> str:
        return f"{self.fault.name}-{self.way.name}-{self.position}"

    @property
    def course(self) -> Course:
        """What is sent when nothing goes wrong."""
        return self.way.course(self.position)

    @property
    def struck(self) -> str:
        """What the request that meets the fault first is about."""
        return self.course.requests[self.course.at]

    @property
    def once(self) -> bool:
        """Whether only one request meets the fault."""
        return self.position != "always"


CELLS = tuple(
    cell
    for fault in FAULTS
    for way in WAYS
    for position in POSITIONS
    if (cell := Cell(fault, way, position)).struck in fault.strikes
)
