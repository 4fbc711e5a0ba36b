"""Wait in the triggerer for a call to reach a status."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.client.flows.wait import CallPoller
from airflow_provider_signalwire.client.protocol.records import CallRecord
from airflow_provider_signalwire.triggers.base import PollingTrigger
from airflow_provider_signalwire.triggers.events import success_event


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

    def __init__(
        self,
        *,
        call_sid: str,
        target_statuses: list[str],
        account_sid: str | None,
        signalwire_conn_id: str,
        poll_interval: float,
        deadline: float,
        last_status: str | None,
        execution_deadline: float | None = None,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        silent_fail: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(
            call_sid=call_sid,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            poll_interval=poll_interval,
            deadline=deadline,
            last_status=last_status,
            execution_deadline=execution_deadline,
            exponential_backoff=exponential_backoff,
            max_wait=max_wait,
            silent_fail=silent_fail,
            retry_after=retry_after,
        )
        self.target_statuses = target_statuses

    def arguments(self) -> dict[str, Any]:
        """Return the arguments to rebuild this trigger from."""
        return {**super().arguments(), "target_statuses": self.target_statuses}

    def make_poller(self, account_sid: str) -> CallPoller:
        """Return what polls the call."""
        return CallPoller(account_sid, self.call_sid, self.target_statuses, last_status=self.last_status)

    def make_event(self, result: CallRecord) -> dict[str, Any]:
        """Return the event with the call's record."""
        return success_event(result, call_sid=self.call_sid)
