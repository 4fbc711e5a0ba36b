"""What the triggers share: they poll until a deadline and send one event."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.wait import Poller, PollSchedule, timeout_error, wait_until
from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.transport.shared_client import shared_client
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.metrics import AIRFLOW_STATS
from airflow_provider_signalwire.triggers.deferral import WaitDeadlines
from airflow_provider_signalwire.triggers.events import error_event

log = logging.getLogger(__name__)

_lookups: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[ClientSettings]] = {}


async def connection_settings(signalwire_conn_id: str) -> ClientSettings:
    """Return a connection's current settings; concurrent callers share one lookup.

    A triggerer that starts resumes a thousand triggers at once. A lookup for each would be as many requests to the API
    server, and validating all of them in a row would block the event loop.

    :param signalwire_conn_id: The connection.
    """
    key = (asyncio.get_running_loop(), signalwire_conn_id)
    lookup = _lookups.get(key)
    if lookup is None:
        lookup = _lookups[key] = asyncio.create_task(SignalWireHook(signalwire_conn_id).get_async_settings())
        lookup.add_done_callback(lambda lookup: _forget(key, lookup))
    await asyncio.wait([lookup])  # cancelling one waiter does not cancel the others
    return lookup.result()


def _forget(key: tuple[asyncio.AbstractEventLoop, str], lookup: asyncio.Task[ClientSettings]) -> None:
    del _lookups[key]
    if not lookup.cancelled():
        lookup.exception()  # if all waiters were cancelled, asyncio would log it with a traceback


@dataclass(kw_only=True, eq=False, repr=False)
class PollingTrigger(BaseTrigger):
    """Poll SignalWire until a deadline.

    The fields are the arguments, which are stored in Airflow's database, unencrypted by default: strings, numbers and
    booleans only.

    :param account_sid: Subproject; None means the connection's Project ID.
    :param signalwire_conn_id: The connection.
    :param poll_interval: Seconds between two polls.
    :param deadline: Seconds since the epoch at which to give up; it also holds after a restart of the triggerer.
    :param last_status: Status at the last poll before the task was deferred; None if that poll failed.
    :param execution_deadline: Seconds since the epoch at which the task's ``execution_timeout`` ends.
    :param exponential_backoff: Whether each interval is twice as long as the one before it.
    :param max_wait: Longest interval in seconds.
    :param silent_fail: Whether errors that are not transient are logged, too, instead of ending the wait.
    :param retry_after: Seconds that the response to the last poll before the task was deferred asked to wait.
    """

    account_sid: str | None
    signalwire_conn_id: str
    poll_interval: float
    deadline: float
    last_status: str | None
    execution_deadline: float | None = None
    exponential_backoff: bool = False
    max_wait: float | None = None
    silent_fail: bool = False
    retry_after: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it

    def make_poller(self, account_sid: str) -> Poller[Any]:
        """Return what polls."""
        raise NotImplementedError

    def make_wait(self, poller: Any) -> Flow[Any]:
        """Return the flow that waits."""
        return wait_until(poller, self._schedule(), polled_before=True, retry_after=self.retry_after)

    def make_event(self, result: Any) -> dict[str, Any]:
        """Return the event for the result of the wait."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and the arguments to rebuild this trigger from."""
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event: the record, or the error to raise."""
        try:
            settings = await self._settings()
            poller = self.make_poller(self.account_sid if self.account_sid is not None else settings.project_id)
            async with shared_client(settings, observer=AIRFLOW_STATS) as client:
                result = await client.run(self.make_wait(poller))
        except SignalWireError as error:
            yield TriggerEvent(error_event(error))
        else:
            yield TriggerEvent(self.make_event(result))

    @property
    def _deadlines(self) -> WaitDeadlines:
        return WaitDeadlines(self.deadline, self.execution_deadline)

    def _schedule(self) -> PollSchedule:
        return PollSchedule(
            poll_interval=self.poll_interval,
            deadline=time.monotonic() + self._deadlines.first - time.time(),
            limit=self._deadlines.limit,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait,
            silent_fail=self.silent_fail,
        )

    async def _settings(self) -> ClientSettings:
        """Look the connection up; while Airflow's API server is away, until the deadline."""
        while True:
            try:
                return await connection_settings(self.signalwire_conn_id)
            except SignalWireError:
                raise
            except Exception as error:
                left = self._deadlines.first - time.time()
                if left <= 0:
                    raise timeout_error(self.make_poller(""), self._deadlines.limit) from None
                log.warning("The connection could not be looked up (%s); trying again.", type(error).__name__)
                await asyncio.sleep(min(self.poll_interval, left))
