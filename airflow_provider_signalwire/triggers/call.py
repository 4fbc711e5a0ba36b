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
    """Read a call until it has one of the target statuses. The other parameters are those of :class:`.PollingTrigger`.

    :param call_sid: The call.
    :param target_statuses: The statuses to wait for.
    """

    call_sid: str
    target_statuses: list[str]

    def make_poller(self, account_sid: str) -> CallPoller:
        """Return what polls the call."""
        return CallPoller(account_sid, self.call_sid, self.target_statuses, last_status=self.last_status)

    def make_event(self, result: CallRecord) -> dict[str, Any]:
        """Return the event with the call's record."""
        return success_event(result, call_sid=self.call_sid)
