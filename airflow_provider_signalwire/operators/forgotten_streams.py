"""Which of the running streams are forgotten: the DAG run that started them has ended, or they are too old."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers

if TYPE_CHECKING:
    from airflow_provider_signalwire.journal import RunningStream, StreamOwner

log = logging.getLogger(__name__)

DELETED = "deleted"
UNKNOWN = "unknown"

_ENDED_STATES = frozenset({"success", "failed", DELETED})


@dataclass(frozen=True)
class ForgottenStream:
    """A stream to stop.

    :param stream: The stream.
    :param age: Time since its start.
    :param owner_state: State of the DAG run that started it, ``deleted`` or ``unknown``.
    """

    stream: RunningStream
    age: timedelta
    owner_state: str

    @property
    def ids(self) -> tuple[str, str]:
        """The call or conference, and the stream."""
        return self.stream.parent_sid, self.stream.stream_sid

    def as_dict(self) -> dict[str, Any]:
        """Return the stream for XCom."""
        stream, owner = self.stream, self.stream.owner
        return {
            stream.parent.id_name: stream.parent_sid,
            "stream_sid": stream.stream_sid,
            "name": mask_phone_numbers(stream.name) if stream.name else stream.name,
            "age_seconds": round(self.age.total_seconds()),
            "dag_id": owner.dag_id,
            "run_id": owner.run_id,
            "task_id": owner.task_id,
            "map_index": owner.map_index,
            "run_state": self.owner_state,
        }

    def describe(self) -> str:
        """Return one line for the log."""
        stream, owner = self.stream, self.stream.owner
        name = f" ({mask_phone_numbers(repr(stream.name))})" if stream.name and not stream.is_unconfirmed else ""
        started = "possibly started" if stream.is_unconfirmed else "started"
        index = f"[{owner.map_index}]" if owner.map_index >= 0 else ""
        return (
            f"stream {stream.stream_sid!r}{name} on {stream.parent.noun} {stream.parent_sid!r}, {started} "
            f"{timedelta(seconds=round(self.age.total_seconds()))} ago by task {owner.task_id!r}{index} of DAG "
            f"{owner.dag_id!r}, run {owner.run_id!r} ({self.owner_state})"
        )


class RunStates:
    """The states of DAG runs; Airflow is asked once for each.

    :param ask: Returns the state of a DAG run, by DAG id and run id; ``ti.get_dagrun_state``.
    """

    def __init__(self, ask: Callable[[str, str], Any]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, owner: StreamOwner) -> str:
        """Return the state of a stream's DAG run, ``deleted`` or ``unknown``."""
        key = (owner.dag_id, owner.run_id)
        if key not in self._known:
            self._known[key] = self._look_up(*key)
        return self._known[key]

    def _look_up(self, dag_id: str, run_id: str) -> str:
        try:
            state = self._ask(dag_id, run_id)
        except Exception as error:
            if _http_status(error) == 404:
                return DELETED
            log.warning(
                "Airflow did not return the state of run %r of DAG %r (%r). The run counts as alive.",
                *(run_id, dag_id, error),
            )
            return UNKNOWN
        return str(getattr(state, "value", state))


def find_forgotten(
    streams: Iterable[RunningStream],
    *,
    now: datetime,
    run_state: Callable[[StreamOwner], str],
    owner_ended: bool,
    min_age: timedelta | None,
) -> list[ForgottenStream]:
    """Return the forgotten streams, the oldest first.

    :param streams: The running streams.
    :param now: The time to compute ages from.
    :param run_state: Returns the state of a stream's DAG run.
    :param owner_ended: Whether a stream is forgotten when its DAG run has ended, unless it is meant to outlive it.
    :param min_age: The age from which any stream is forgotten; None means that only the DAG run counts.
    """
    forgotten = []
    for stream in sorted(streams, key=lambda stream: (stream.started_at, stream.stream_sid)):
        age = now - stream.started_at
        depends_on_run = owner_ended and not stream.outlives_run
        is_old = min_age is not None and age >= min_age
        if is_old or (depends_on_run and run_state(stream.owner) in _ENDED_STATES):
            forgotten.append(ForgottenStream(stream, age, run_state(stream.owner)))
    return forgotten


def _http_status(error: Exception) -> Any:
    """Return the status of the API server's response: in a task of its own process, the supervisor passes it on."""
    if (response := getattr(error, "response", None)) is not None:
        return getattr(response, "status_code", None)
    detail = getattr(getattr(error, "error", None), "detail", None)
    return detail.get("status_code") if isinstance(detail, dict) else None
