"""How a task defers. Tasks import this module when a DAG file is parsed, so it imports no HTTP library."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_signalwire.client.protocol.stream_parents import CALL, StreamParent

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.wait import Poller
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
    from airflow_provider_signalwire.triggers.stream import StreamStoppedTrigger

R = TypeVar("R")

# The trigger keeps the deadline and reports the timeout. Airflow's own timeout is only for a trigger that is gone.
_BACKSTOP = timedelta(seconds=60)


@dataclass(frozen=True)
class WaitDeadlines:
    """When a wait ends, in seconds since the epoch: only wall time means the same in another process.

    :param timeout: The end that the parameter ``timeout`` sets.
    :param execution_timeout: The end that the task's ``execution_timeout`` sets, if it has one.
    """

    timeout: float
    execution_timeout: float | None

    @classmethod
    def from_now(cls, timeout: float, execution_timeout: timedelta | None) -> WaitDeadlines:
        """Return the deadlines of a wait that begins now.

        :param timeout: Seconds.
        :param execution_timeout: The task's ``execution_timeout``.
        """
        now = time.time()
        return cls(now + timeout, now + execution_timeout.total_seconds() if execution_timeout else None)

    @property
    def first(self) -> float:
        """The earlier one."""
        return self.timeout if self.execution_timeout is None else min(self.timeout, self.execution_timeout)

    @property
    def limit(self) -> str:
        """The parameter that sets the earlier one."""
        return "timeout" if self.first == self.timeout else "execution_timeout"

    @property
    def backstop(self) -> timedelta:
        """The timeout to defer with."""
        return timedelta(seconds=max(self.first - time.time(), 0)) + _BACKSTOP

    def trigger_arguments(self) -> dict[str, Any]:
        """Return the arguments by which a trigger knows the deadlines."""
        return {"deadline": self.timeout, "execution_deadline": self.execution_timeout}


def poll_and_defer(task: Any, poller: Poller[R], **options: Any) -> R:
    """Poll once and return the result; if there is none yet, defer the task.

    :param task: An operator or sensor with ``timeout``, ``hook`` and ``make_trigger(poller, **arguments)``.
    :param options: Options of the wait, which ``PollSchedule`` and the trigger have in common.
    """
    from airflow_provider_signalwire.client.flows.wait import PollSchedule, poll_before_deferring

    deadlines = WaitDeadlines.from_now(task.timeout, task.execution_timeout)
    schedule = PollSchedule(deadline=time.monotonic() + task.timeout, **options)
    hook: SignalWireHook = task.hook
    with hook.get_conn() as client:
        result, retry_after = client.run(poll_before_deferring(poller, schedule))
    if result is not None:
        return result
    trigger = task.make_trigger(
        poller,
        account_sid=task.account_sid,
        signalwire_conn_id=task.signalwire_conn_id,
        last_status=poller.last_status,
        retry_after=retry_after,
        **options,
        **deadlines.trigger_arguments(),
    )
    task.defer(trigger=trigger, method_name="execute_complete", timeout=deadlines.backstop)
    raise AssertionError("unreachable: defer raises")  # pragma: no cover


def make_stream_trigger(parent: StreamParent, parent_sid: str, **arguments: Any) -> StreamStoppedTrigger:
    """Return the trigger that waits until a stream has stopped.

    :param parent: What the stream belongs to.
    :param parent_sid: SID of the call or conference.
    :param arguments: The other arguments of the trigger.
    """
    from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger
    from airflow_provider_signalwire.triggers.conference_stream import ConferenceStreamStoppedTrigger

    trigger_class = CallStreamStoppedTrigger if parent is CALL else ConferenceStreamStoppedTrigger
    arguments[parent.id_name] = parent_sid
    return trigger_class(**arguments)
