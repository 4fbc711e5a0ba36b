"""Wait until a call has reached a status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.client.protocol.records import CALL_STATUSES
from airflow_provider_signalwire.client.protocol.validation import validate_choice
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.sensors.base import SignalWireSensor

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.stop import Flow
    from airflow_provider_signalwire.client.protocol.records import CallRecord
    from airflow_provider_signalwire.triggers.call import CallStatusTrigger


class CallStatusSensor(SignalWireSensor):
    """Wait until a call has one of the statuses waited for.

    Wraps `Retrieve a call <https://signalwire.com/docs/compatibility-api/rest/calls/retrieve-a-call>`__; it only reads.

    XCom: the call's record, as SignalWire returned it.

    Fails at once, without a further try, if the call ends in another way, the login is refused or there is no such
    call. Raises ``AirflowSensorTimeout`` when ``timeout`` is over; ``soft_fail`` turns only that into a skip.

    :param call_sid: The call (templated).
    :param target_statuses: One or more of ``queued``, ``ringing``, ``in-progress``, ``completed``, ``canceled``,
        ``busy``, ``failed``, ``no-answer``.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: Seconds between two looks. Default: Airflow's, 60.
    :param timeout: Seconds after which to give up. Default: Airflow's ``[sensors] default_timeout``, 7 days.
    """

    template_fields: Sequence[str] = ("call_sid", "account_sid", "signalwire_conn_id")

    def __init__(self, *, call_sid: str, target_statuses: Collection[str] = ("completed",), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(target_statuses, str) or not target_statuses:
            raise SignalWireConfigurationError(
                f"Parameter 'target_statuses' is {target_statuses!r}: expected a list of at least one call status."
            )
        self.call_sid = call_sid
        self.target_statuses = [validate_choice("target_statuses", status, CALL_STATUSES) for status in target_statuses]

    def look(self, account_sid: str) -> Flow[CallRecord]:
        """Return the flow that reads the call once."""
        from airflow_provider_signalwire.client.flows.wait import look_at_call

        return look_at_call(account_sid, self.call_sid, self.target_statuses, last_status=self._last_status)

    def is_done(self, record: CallRecord) -> bool:
        """Tell whether the call has a status waited for."""
        return record["status"] in self.target_statuses

    def make_trigger(self, **arguments: Any) -> CallStatusTrigger:
        """Return the trigger that goes on waiting."""
        from airflow_provider_signalwire.triggers.call import CallStatusTrigger

        return CallStatusTrigger(call_sid=self.call_sid, target_statuses=self.target_statuses, **arguments)

    @property
    def waited_for(self) -> str:
        """What is waited for, for messages."""
        from airflow_provider_signalwire.client.flows.wait import status_of_call

        return status_of_call(self.call_sid, self.target_statuses)
