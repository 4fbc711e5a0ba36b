"""Wait until a media stream of a call has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.sensors.base import SignalWireSensor
from airflow_provider_signalwire.triggers.events import stream_record_of

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.flows.wait import StreamPoller
    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger


class CallStreamStatusSensor(SignalWireSensor):
    """Wait until a media stream has stopped.

    **Polling stops the stream.** SignalWire has no endpoint that reads a stream's status, so this sensor repeats the
    `stop <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__ and reads the status in the
    response. Use it after a stop, not to watch a stream that should go on.

    XCom: the stream's record, all keys as SignalWire returned them. If the call has ended, or SignalWire no longer
    finds the stream after an accepted stop, a record with the same keys, ``status`` ``stopped`` and ``name`` null.

    Fails at once, without a retry, if the login is refused or there is no such stream on a live call. Raises
    ``AirflowSensorTimeout`` at the deadline; ``soft_fail`` turns only that into a skip.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated).
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: Seconds or timedelta between two polls. Default: Airflow's, 60 s.
    :param timeout: Seconds or timedelta after which to give up. Default: Airflow's ``[sensors] default_timeout``,
        7 days.
    """

    template_fields: Sequence[str] = ("call_sid", "stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        call_sid: str,
        stream_sid: str,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            account_sid=account_sid, signalwire_conn_id=signalwire_conn_id, deferrable=deferrable, **kwargs
        )
        self.call_sid = call_sid
        self.stream_sid = stream_sid

    def announce(self) -> None:
        """Say what this sensor does to the stream."""
        self.log.info("This sensor stops the stream that it waits for: SignalWire has no other way to read its status.")

    def make_poller(self, account_sid: str) -> StreamPoller:
        """Return what polls the stream."""
        from airflow_provider_signalwire.client.flows.wait import StreamPoller

        return StreamPoller(account_sid, self.call_sid, self.stream_sid)

    def make_trigger(self, poller: StreamPoller, **arguments: Any) -> CallStreamStoppedTrigger:
        """Return the trigger that continues the wait."""
        from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

        return CallStreamStoppedTrigger(
            call_sid=self.call_sid, stream_sid=self.stream_sid, known_sid=poller.stream_sid, **arguments
        )

    def finish(self, result: StopResult) -> StreamRecord | None:
        """Log and count the stop, and return the stream's record."""
        from airflow_provider_signalwire.metrics import AIRFLOW_STATS

        self.log.info("%s", result.describe(self.call_sid, self.stream_sid))
        AIRFLOW_STATS.on_stream_stopped(result.outcome)
        return result.record

    def record_of(self, event: Any) -> StreamRecord | None:
        """Return the record that an event carries."""
        return stream_record_of(event, call_sid=self.call_sid, stream_sid=self.stream_sid)
