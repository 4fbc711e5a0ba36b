"""Start a media stream of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.operators.stream import StartStreamOperator


class StartCallStreamOperator(StartStreamOperator):
    """Start a media stream of a call.

    Wraps `Create a stream <https://signalwire.com/docs/compatibility-api/rest/streams/create-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them, and each key by itself: ``start.output["sid"]`` is
    what to stop it by.

    A task that succeeds has started exactly one stream. A task that fails has left none running, or its error says
    that one may be running, under which name and since when. If the response to a start is lost, the stream of that
    name is stopped before it is started again. The operator treats its name on that call as its own: no one else may
    use it there. A task that is killed, times out or cannot store its record stops the stream it may have started.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused, the call is not in progress, or the name is in use on the call.

    :param call_sid: The call, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param name: The stream's name, unique on its call (templated). Default: ``<dag_id>.<task_id>``, followed by
        ``.<map_index>`` in a mapped task; the same in every run, so that a cleanup finds it by name.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated). Template it from a
        connection, ``{{ conn.my_bot.password }}``: a string in a DAG file is not secret.
    :param owner_parameters: Whether to add custom parameters that name the DAG, the run and the task.
    :param outlives_run: Whether the stream is meant to run on after its DAG run, so that a cleanup by journal stops it
        for its age only.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    parent = CALL
    template_fields: Sequence[str] = (
        "call_sid",
        "url",
        "name",
        "track",
        "status_callback",
        "parameters",
        "authorization_bearer_token",
        "account_sid",
        "signalwire_conn_id",
    )
    template_fields_renderers = {"parameters": "json"}  # noqa: RUF012 - as Airflow declares it

    @clears_locals
    def __init__(
        self,
        *,
        call_sid: str,
        url: str,
        name: str | None = None,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        owner_parameters: bool = False,
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
        self.call_sid = call_sid
