"""Wait until a call has a certain status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.client.protocol.records import CALL_STATUSES
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.validation import validate_choice
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.sensors.base import SignalWireSensor
from airflow_provider_signalwire.triggers.events import call_record_of

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.wait import CallPoller
    from airflow_provider_signalwire.client.protocol.records import CallRecord
    from airflow_provider_signalwire.triggers.call import CallStatusTrigger


class CallStatusSensor(SignalWireSensor):
    """Wait until a call has one of the target statuses.

    Wraps `Retrieve a call <https://signalwire.com/docs/compatibility-api/rest/calls/retrieve-a-call>`__; it only reads.

    XCom: the call's record, as SignalWire returned it.

    Fails at once, without a retry, if the call ends in another status, the login is refused or there is no such call.
    Raises ``AirflowSensorTimeout`` at the deadline; ``soft_fail`` turns only that into a skip.

    :param call_sid: The call (templated).
    :param target_statuses: One or more of ``queued``, ``ringing``, ``in-progress``, ``completed``, ``canceled``,
        ``busy``, ``failed``, ``no-answer``.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: Seconds or timedelta between two polls. Default: Airflow's, 60 s.
    :param timeout: Seconds or timedelta after which to give up. Default: Airflow's ``[sensors] default_timeout``,
        7 days.
    """

    template_fields: Sequence[str] = ("call_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        call_sid: str,
        target_statuses: Collection[str] = ("completed",),
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            account_sid=account_sid, signalwire_conn_id=signalwire_conn_id, deferrable=deferrable, **kwargs
        )
        if isinstance(target_statuses, str) or not isinstance(target_statuses, Collection) or not target_statuses:
            raise SignalWireConfigurationError(
                f"Parameter 'target_statuses' is {short_repr(target_statuses)}: expected a list of at least one call "
                "status."
            )
        self.call_sid = call_sid
        self.target_statuses = [validate_choice("target_statuses", status, CALL_STATUSES) for status in target_statuses]

    def make_poller(self, account_sid: str) -> CallPoller:
        """Return what polls the call."""
        from airflow_provider_signalwire.client.flows.wait import CallPoller

        return CallPoller(account_sid, self.call_sid, self.target_statuses)

    def make_trigger(self, poller: CallPoller, **arguments: Any) -> CallStatusTrigger:
        """Return the trigger that continues the wait."""
        from airflow_provider_signalwire.triggers.call import CallStatusTrigger

        return CallStatusTrigger(call_sid=self.call_sid, target_statuses=self.target_statuses, **arguments)

    def finish(self, result: CallRecord) -> CallRecord:
        """Log the status and return the call's record."""
        self.log.info("Call is %s: %r.", result["status"], self.call_sid)
        return result

    def record_of(self, event: Any) -> CallRecord:
        """Return the record that an event carries."""
        return call_record_of(event, call_sid=self.call_sid, target_statuses=self.target_statuses)
