"""Wait in the triggerer for a call to reach a status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_signalwire.client.flows.wait import CallPoller
from airflow_provider_signalwire.client.protocol.records import CallRecord
from airflow_provider_signalwire.triggers.base import PollingTrigger
from airflow_provider_signalwire.triggers.events import success_event


@dataclass(kw_only=True, eq=False, repr=False)
class CallStatusTrigger(PollingTrigger):
    """Read a call until it has one of the target statuses.

    :param call_sid: The call.
    :param target_statuses: The statuses to wait for.
    :param account_sid: Subproject; None means the connection's Project ID.
    :param signalwire_conn_id: The connection.
    :param poll_interval: Seconds between two polls.
    :param deadline: Seconds since the epoch at which to give up.
    :param last_status: Status at the last poll before the task was deferred; None if that poll failed.
    :param execution_deadline: Seconds since the epoch at which the task's ``execution_timeout`` ends.
    :param exponential_backoff: Whether each interval is twice as long as the one before it.
    :param max_wait: Longest interval in seconds.
    :param silent_fail: Whether errors that are not transient are logged, too, instead of ending the wait.
    :param retry_after: Seconds that the response to the last poll before the task was deferred asked to wait.
    """

    call_sid: str
    target_statuses: list[str]

    def make_poller(self, account_sid: str) -> CallPoller:
        """Return what polls the call."""
        return CallPoller(account_sid, self.call_sid, self.target_statuses, last_status=self.last_status)

    def make_event(self, result: CallRecord) -> dict[str, Any]:
        """Return the event with the call's record."""
        return success_event(result, call_sid=self.call_sid)
