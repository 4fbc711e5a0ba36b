"""Wait until a media stream of a call has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.client.protocol.records import stream_is_stopped
from airflow_provider_signalwire.sensors.base import SignalWireSensor

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.stop import Flow
    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger


class CallStreamStatusSensor(SignalWireSensor):
    """Wait until a media stream has stopped.

    **Looking stops the stream.** SignalWire has no way to read a stream's status, so this sensor asks for the
    `stop <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__ again and reads the status in
    the answer. Use it after a stop, not to watch a stream that should go on.

    XCom: the stream's record, all keys as SignalWire returned them; if the call has ended, a record derived from the
    call's, with ``name`` null.

    Fails at once, without a further try, if the login is refused or there is no such stream on a live call. Raises
    ``AirflowSensorTimeout`` when ``timeout`` is over; ``soft_fail`` turns only that into a skip.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated).
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: Seconds between two looks. Default: Airflow's, 60.
    :param timeout: Seconds after which to give up. Default: Airflow's ``[sensors] default_timeout``, 7 days.
    """

    template_fields: Sequence[str] = ("call_sid", "stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(self, *, call_sid: str, stream_sid: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.stream_sid = stream_sid

    def look(self, account_sid: str) -> Flow[StreamRecord | None]:
        """Return the flow that asks for the stop once."""
        from airflow_provider_signalwire.client.flows.wait import look_at_stream

        return look_at_stream(account_sid, self.call_sid, self.stream_sid, last_status=self._last_status)

    def is_done(self, record: StreamRecord) -> bool:
        """Tell whether the stream has stopped."""
        return stream_is_stopped(record)

    def make_trigger(self, **arguments: Any) -> CallStreamStoppedTrigger:
        """Return the trigger that goes on waiting."""
        from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

        return CallStreamStoppedTrigger(call_sid=self.call_sid, stream_sid=self.stream_sid, **arguments)

    @property
    def waited_for(self) -> str:
        """What is waited for, for messages."""
        from airflow_provider_signalwire.client.flows.wait import stop_of_stream

        return stop_of_stream(self.call_sid, self.stream_sid)
