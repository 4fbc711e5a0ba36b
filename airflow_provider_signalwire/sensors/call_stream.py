"""Wait until a media stream of a call has stopped."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.sensors.stream import StreamStatusSensor


class CallStreamStatusSensor(StreamStatusSensor):
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

    parent = CALL
    template_fields = ("call_sid", *StreamStatusSensor.template_fields)

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
