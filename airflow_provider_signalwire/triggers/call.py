"""Wait in the triggerer for a call to reach a status."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.client.flows.stop import Flow
from airflow_provider_signalwire.client.flows.wait import wait_for_call_status
from airflow_provider_signalwire.client.protocol.records import CallRecord
from airflow_provider_signalwire.triggers.base import FlowTrigger


class CallStatusTrigger(FlowTrigger):
    """Read a call until its status is one of those waited for.

    :param target_statuses: The statuses waited for.
    """

    def __init__(self, *, target_statuses: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_statuses = target_statuses

    def arguments(self) -> dict[str, Any]:
        """Return what to rebuild this trigger from."""
        return {**super().arguments(), "target_statuses": self.target_statuses}

    def flow(self, account_sid: str) -> Flow[CallRecord | None]:
        """Return the flow that waits."""
        return wait_for_call_status(
            account_sid,
            self.call_sid,
            self.target_statuses,
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            last_status=self.last_status,
        )
