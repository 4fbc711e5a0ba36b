"""Start and stop a media stream of a call by the Calling API."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.operators.current_try import is_current_try, is_success_reported
from airflow_provider_signalwire.operators.masked_fields import MaskedFieldsMixin
from airflow_provider_signalwire.operators.start_guard import TaskKilled
from airflow_provider_signalwire.operators.stream_owner import default_stream_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.calling import CallingStreamStart
    from airflow_provider_signalwire.client.protocol.records import CallingCallRecord

log = logging.getLogger(__name__)

# Airflow kills a task's process 5 seconds after SIGTERM.
_CLEANUP_SECONDS = 3.0


class StartCallingStreamOperator(MaskedFieldsMixin, BaseOperator):
    """Start a media stream of a call that SWML, a Call Flow or RELAY made.

    Sends ``calling.stream`` to the `Calling API <https://signalwire.com/docs/apis/calling>`__. For a call of the
    Compatibility API, use :class:`~airflow_provider_signalwire.operators.call_stream.StartCallStreamOperator`.

    XCom: the call's record, all keys as SignalWire returned them, and ``control_id``. The control id is also an XCom
    value by itself: ``start.output["control_id"]`` is what to stop the stream by. Success means that SignalWire
    accepted the command; the API cannot read a stream's state.

    The operator treats its control id on that call as its own. If the response is lost, it stops the stream of that
    control id and then starts it again. With the default control id, a later try does the same. If a task fails and a
    stream may be running, its error says so. A task that is killed or times out stops the stream.

    :param call_id: The call, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param control_id: Identifies the stream among those that run on the call (templated). Default:
        ``<dag_id>.<task_id>``, followed by ``.<map_index>`` in a mapped task, and the run id: the same in every try.
    :param name: A name for the WebSocket server (templated).
    :param codec: Audio codec, e.g. ``PCMU`` (templated).
    :param track: ``inbound_track`` (SignalWire's default), ``outbound_track`` or ``both_tracks`` (templated).
    :param status_url: URL that SignalWire reports the stream's states to (templated).
    :param status_url_method: ``GET`` or ``POST`` (SignalWire's default).
    :param custom_parameters: JSON object for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated). Template it from a
        connection, ``{{ conn.my_bot.password }}``: a string in a DAG file is not secret.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = (
        "call_id",
        "url",
        "control_id",
        "name",
        "codec",
        "track",
        "status_url",
        "custom_parameters",
        "authorization_bearer_token",
        "signalwire_conn_id",
    )
    template_fields_renderers = {"custom_parameters": "json"}  # noqa: RUF012 - as Airflow declares it
    account_sid = None  # the API acts in the token's project

    @clears_locals
    def __init__(
        self,
        *,
        call_id: str,
        url: str,
        control_id: str | None = None,
        name: str | None = None,
        codec: str | None = None,
        track: str | None = None,
        status_url: str | None = None,
        status_url_method: str | None = None,
        custom_parameters: Mapping[str, Any] | None = None,
        authorization_bearer_token: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_id = call_id
        self.url = url
        self.control_id = control_id
        self.name = name
        self.codec = codec
        self.track = track
        self.status_url = status_url
        self.status_url_method = status_url_method
        self.custom_parameters = custom_parameters
        self.authorization_bearer_token = authorization_bearer_token
        self.signalwire_conn_id = signalwire_conn_id
        self._start: CallingStreamStart | None = None
        self._context: Any = {}
        self._is_killed = self._is_sending = self._is_ending = False

    def execute(self, context: Context) -> CallingCallRecord:
        """Start the stream and return the call's record with the control id."""
        control_id = self.control_id if self.control_id is not None else _default_control_id(self, context)
        start = self._make_start(control_id)
        ti = context.get("ti")
        if ti is not None and self.do_xcom_push:
            ti.xcom_push(key="control_id", value=control_id)
        client = self.hook.get_conn()
        log.info("Starting the stream with the control id %s on call %r.", _masked(control_id), self.call_id)
        if self._is_killed:
            raise TaskKilled()
        self._context, self._start, self._is_sending = context, start, True
        try:
            with client:
                # Only this task uses the default control id, so a stream with it is left over from an earlier try.
                is_later_try = self.control_id is None and getattr(ti, "try_number", 1) > 1
                record, stats = client.run(start.run(stop_first=is_later_try))
            self._is_sending = False  # from here on, on_kill stops the stream itself
        except SignalWireError:
            self._is_ending = True
            raise
        except BaseException as error:
            self._end(error)
            raise
        log.info(
            "Stream start accepted: control id %s on call %r (%s). Attempts %d, %.0f ms, request id %s.",
            *(_masked(control_id), self.call_id, record["status"]),
            *(stats.attempts, stats.seconds * 1000, stats.request_id or "unknown"),
        )
        return {**record, "control_id": control_id}

    def on_kill(self) -> None:
        """Stop the stream that was or may have been started, and end the task."""
        self._is_killed = True
        if self._start is None or self._is_ending:
            return
        killed = TaskKilled()
        if not self._is_sending:
            if is_success_reported(self._context, f"A stream on call {self.call_id!r}"):
                return
            self._end(killed)
        raise killed

    def _make_start(self, control_id: str) -> CallingStreamStart:
        from airflow_provider_signalwire.client.flows.calling import CallingStreamStart
        from airflow_provider_signalwire.client.protocol.calling import start_calling_stream, stop_calling_stream

        request = start_calling_stream(
            self.call_id,
            control_id,
            url=self.url,
            name=self.name,
            codec=self.codec,
            track=self.track,
            status_url=self.status_url,
            status_url_method=self.status_url_method,
            custom_parameters=self.custom_parameters,
            authorization_bearer_token=self.authorization_bearer_token,
        )
        stop = stop_calling_stream(self.call_id, control_id)
        return CallingStreamStart(request, stop, call_id=self.call_id, control_id=control_id)

    def _end(self, error: BaseException) -> None:
        """Stop what may have been started; if the stop was not accepted, say so in the log and in the error."""
        if self._is_ending or self._start is None:
            return
        self._is_ending = True
        problem = self._start.warning
        # Said before anything else, because Airflow may kill the process soon.
        log.warning("The task ends (%s). %s Stopping it now.", type(error).__name__, problem)
        if not is_current_try(self._context):
            problem += " Nothing was stopped: the try was given up, and the control id belongs to the next one."
        else:
            try:
                # A new client, because the task's client may be in the middle of a request.
                with self.hook.make_client(timeout=_CLEANUP_SECONDS) as client:
                    if client.run(self._start.stop(seconds=_CLEANUP_SECONDS)):
                        log.info("The stop was accepted.")
                        return
            except Exception as failure:
                problem += f" The attempt to stop it failed: {failure}"
        log.error("%s", problem)
        error.add_note(problem)


class StopCallingStreamOperator(MaskedFieldsMixin, BaseOperator):
    """Stop a media stream that the Calling API started.

    Sends ``calling.stream.stop`` to the `Calling API <https://signalwire.com/docs/apis/calling>`__. For a call of the
    Compatibility API, use :class:`~airflow_provider_signalwire.operators.call_stream.StopCallStreamOperator`.

    XCom: the call's record, all keys as SignalWire returned them, and ``control_id``. Success means that SignalWire
    accepted the command; the API cannot read a stream's state. Stopping is safe to repeat.

    :param call_id: The call (templated).
    :param control_id: The stream's control id, e.g. ``start.output["control_id"]`` (templated).
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = ("call_id", "control_id", "signalwire_conn_id")
    account_sid = None  # the API acts in the token's project

    def __init__(
        self, *, call_id: str, control_id: str, signalwire_conn_id: str = "signalwire_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.call_id = call_id
        self.control_id = control_id
        self.signalwire_conn_id = signalwire_conn_id

    def execute(self, context: Context) -> CallingCallRecord:
        """Send the stop and return the call's record with the control id."""
        from airflow_provider_signalwire.client.policy.steps import send
        from airflow_provider_signalwire.client.protocol.calling import stop_calling_stream

        request = stop_calling_stream(self.call_id, self.control_id)
        with self.hook.get_conn() as client:
            record, stats = client.run(send(request))
        log.info(
            "Stream stop accepted: control id %s on call %r (%s). Attempts %d, %.0f ms, request id %s.",
            *(_masked(self.control_id), self.call_id, record["status"]),
            *(stats.attempts, stats.seconds * 1000, stats.request_id or "unknown"),
        )
        return {**record, "control_id": self.control_id}


def _default_control_id(task: BaseOperator, context: Any) -> str:
    run_id = getattr(context.get("ti"), "run_id", None)
    name = default_stream_name(task, context)
    return f"{name}.{run_id}" if run_id else name


def _masked(control_id: str) -> str:
    return mask_phone_numbers(repr(control_id))
