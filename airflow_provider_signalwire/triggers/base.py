"""What the triggers share: they drive one flow and send its end as their only event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_signalwire.client.flows.stop import Flow
from airflow_provider_signalwire.client.transport.shared_client import shared_client
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.metrics import AIRFLOW_STATS
from airflow_provider_signalwire.triggers.lookups import connection_settings


class FlowTrigger(BaseTrigger):
    """Wait for something at SignalWire until a deadline. Its arguments lie in Airflow's database, often in clear.

    :param call_sid: The call.
    :param account_sid: Subproject; None means the project of the connection's login.
    :param signalwire_conn_id: The connection to use.
    :param poll_interval: Seconds between two looks.
    :param deadline: Seconds since the epoch at which to give up; it holds across restarts of the triggerer.
    :param last_status: The status at the look before the task was deferred.
    """

    def __init__(
        self,
        *,
        call_sid: str,
        account_sid: str | None,
        signalwire_conn_id: str,
        poll_interval: float,
        deadline: float,
        last_status: str | None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self.call_sid = call_sid
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.last_status = last_status

    def arguments(self) -> dict[str, Any]:
        """Return what to rebuild this trigger from: text and numbers only."""
        return {
            "call_sid": self.call_sid,
            "account_sid": self.account_sid,
            "signalwire_conn_id": self.signalwire_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "last_status": self.last_status,
        }

    def flow(self, account_sid: str) -> Flow[Any]:
        """Return the flow that waits."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to rebuild this trigger from."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self.arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event: the record, or the error to raise."""
        try:
            settings = await connection_settings(self.signalwire_conn_id)
            account_sid = settings.project_id if self.account_sid is None else self.account_sid
            async with shared_client(settings, observer=AIRFLOW_STATS) as client:
                record = await client.run(self.flow(account_sid))
        except SignalWireError as error:
            yield TriggerEvent({"status": "error", **error.to_event()})
        else:
            yield TriggerEvent({"status": "success", "record": record})
