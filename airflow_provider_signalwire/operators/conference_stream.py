"""Stop and start a media stream of a conference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.client.protocol.validation import validate_boolean
from airflow_provider_signalwire.operators.stream import StartStreamOperator, StopStreamOperator


class StopConferenceStreamOperator(StopStreamOperator):
    """Stop a media stream of a conference.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/conferences/update-conference-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them. Stopping is asynchronous: without
    ``wait_for_completion`` its ``status`` is usually ``queued``. If the conference has ended, its streams have
    stopped with it: the task succeeds with a record of the same keys, ``status`` ``stopped`` and ``name`` null.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused or a live conference has no such stream; a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireTimeoutError` at the deadline.

    :param conference_sid: The conference (templated).
    :param stream_sid: The stream's SID or its name (templated). Prefer the SID: SignalWire's documentation of the
        stop by name is incomplete.
    :param wait_for_completion: Whether to wait until the stream has stopped, by repeating the stop.
    :param poll_interval: Seconds or timedelta between two polls while waiting, at least 0.1 s.
    :param timeout: Seconds or timedelta after which to give up waiting.
    :param ignore_if_missing: Succeed, with None as the XCom value, if there is no such stream or conference.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer, if ``wait_for_completion`` is set. Default: Airflow's
        ``[operators] default_deferrable``.
    """

    parent = CONFERENCE
    template_fields = ("conference_sid", *StopStreamOperator.template_fields)

    def __init__(
        self,
        *,
        conference_sid: str,
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
        self.conference_sid = conference_sid


class StartConferenceStreamOperator(StartStreamOperator):
    """Start a media stream of a conference.

    Wraps `Create a stream <https://signalwire.com/docs/compatibility-api/rest/conferences/create-conference-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them, and each key by itself: ``start.output["sid"]`` is
    what to stop it by.

    A task that succeeds has started exactly one stream. A task that fails has left none running, or its error says
    that one may be running, under which name and since when. If the response to a start is lost, the stream of that
    name is stopped before it is started again. The operator treats its name on that conference as its own: no one
    else may use it there. A task that is killed, times out or cannot store its record stops the stream it may have
    started.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused, the conference is not in progress, or the name is in use on it.

    :param conference_sid: The conference, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param name: The stream's name, unique in its conference (templated). Default: ``<dag_id>.<task_id>``, followed by
        ``.<map_index>`` in a mapped task; the same in every run, so that a cleanup finds it by name.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated). Template it from a
        connection, ``{{ conn.my_bot.password }}``: a string in a DAG file is not secret.
    :param codec: ``PCMU``, ``PCMA``, ``L16``, ``L16@16000h`` or ``L16@24000h`` (templated). Default: SignalWire's.
    :param real_time: Whether to stream in real time, the API's ``StreamRealTime`` (templated). Default: SignalWire's.
    :param owner_parameters: Whether to add custom parameters that name the DAG, the run and the task.
    :param outlives_run: Whether the stream is meant to run on after its DAG run, so that a cleanup by journal stops it
        for its age only.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    parent = CONFERENCE
    template_fields = ("conference_sid", *StartStreamOperator.template_fields, "codec", "real_time")

    @clears_locals
    def __init__(
        self,
        *,
        conference_sid: str,
        url: str,
        name: str | None = None,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        owner_parameters: bool = False,
        codec: str | None = None,
        real_time: bool | str | None = None,
        outlives_run: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
            owner_parameters=owner_parameters,
            outlives_run=outlives_run,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.conference_sid = conference_sid
        self.codec = codec
        self.real_time = real_time

    def more_options(self) -> dict[str, Any]:
        """Return the codec, and whether to stream in real time."""
        real_time = self.real_time
        if real_time is not None:
            real_time = validate_boolean("real_time", real_time, templated=True)
        return {"codec": self.codec, "real_time": real_time}
