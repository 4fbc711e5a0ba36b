"""Stop a media stream of a call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.operators.stream import StopStreamOperator


class StopCallStreamOperator(StopStreamOperator):
    """Stop a media stream of a call.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them. Stopping is asynchronous: without
    ``wait_for_completion`` its ``status`` is usually ``queued``. If the call has ended, its streams have stopped
    with it: the task succeeds with a record of the same keys, ``status`` ``stopped`` and ``name`` null.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused or a live call has no such stream; a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireTimeoutError` at the deadline.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated). Prefer the SID: SignalWire's documentation of the
        stop by name is incomplete.
    :param wait_for_completion: Whether to wait until the stream has stopped, by repeating the stop.
    :param poll_interval: Seconds or timedelta between two polls while waiting, at least 0.1 s.
    :param timeout: Seconds or timedelta after which to give up waiting.
    :param ignore_if_missing: Succeed, with None as the XCom value, if there is no such stream or call.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer, if ``wait_for_completion`` is set. Default: Airflow's
        ``[operators] default_deferrable``.
    """

    parent = CALL
    template_fields: Sequence[str] = ("call_sid", "stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        call_sid: str,
        stream_sid: str,
        wait_for_completion: bool = False,
        poll_interval: float | timedelta = 5,
        timeout: float | timedelta = 300,
        ignore_if_missing: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            stream_sid=stream_sid,
            wait_for_completion=wait_for_completion,
            poll_interval=poll_interval,
            timeout=timeout,
            ignore_if_missing=ignore_if_missing,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            deferrable=deferrable,
            **kwargs,
        )
        self.call_sid = call_sid
