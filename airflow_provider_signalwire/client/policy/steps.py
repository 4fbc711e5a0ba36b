"""What a flow yields: requests and pauses. A flow is a generator, so both transports can run it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import SignalWireError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """A step that waits for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Send(Generic[T]):
    """A step that sends a request, with retries.

    :param request: The request.
    :param deadline: Monotonic time at which attempts and retries end; None leaves it to the connection's settings.
    :param recover: For a request that is not safe to repeat: called with each failure, it makes sure that the request
        had no effect and returns whether it may be sent again.
    :param on_attempt: Called before each attempt.
    """

    request: ApiRequest[T]
    deadline: float | None = None
    recover: Callable[[SignalWireError], Flow[bool]] | None = None
    on_attempt: Callable[[], None] | None = None


class RequestStats(NamedTuple):
    """How a request was sent.

    :param attempts: How often.
    :param seconds: From the first attempt to the last response.
    :param request_id: SignalWire's request id, if the response had one.
    """

    attempts: int
    seconds: float
    request_id: str | None


class ApiResponse(NamedTuple, Generic[T]):
    """A record, and how the request for it was sent."""

    record: T
    stats: RequestStats


Flow = Generator[Send[Any] | Pause, Any, T]


def send(
    request: ApiRequest[T],
    *,
    deadline: float | None = None,
    recover: Callable[[SignalWireError], Flow[bool]] | None = None,
    on_attempt: Callable[[], None] | None = None,
) -> Flow[ApiResponse[T]]:
    """Send a request and return its response; see :class:`Send`."""
    response: ApiResponse[T] = yield Send(request, deadline, recover, on_attempt)
    return response
