"""Start and stop a media stream of a call by the Calling API."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin
from airflow_provider_signalwire.operators.current_try import is_current_try
from airflow_provider_signalwire.operators.start_guard import GuardedStartMixin, StartGuard
from airflow_provider_signalwire.operators.stream_owner import default_stream_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.calling import CallingStreamStart
    from airflow_provider_signalwire.client.policy.steps import ApiResponse
    from airflow_provider_signalwire.client.protocol.records import CallingCallRecord
    from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient

log = logging.getLogger(__name__)


class StartCallingStreamOperator(GuardedStartMixin, HookMixin, BaseOperator):
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

    def execute(self, context: Context) -> CallingCallRecord:
        """Start the stream and return the call's record with the control id."""
        control_id = self.control_id if self.control_id is not None else _default_control_id(self, context)
        start = self._make_start(control_id)
        ti = context.get("ti")
        if ti is not None and self.do_xcom_push:
            ti.xcom_push(key="control_id", value=control_id)
        # Only this task uses the default control id, so a stream with it is left over from an earlier try.
        is_later_try = self.control_id is None and getattr(ti, "try_number", 1) > 1
        stream = f"A stream on call {self.call_id!r}"
        guard = _CallingStartGuard(context=context, hook=self.hook, stream=stream, start=start, stop_first=is_later_try)
        log.info("Starting the stream with the control id %s on call %r.", _masked(control_id), self.call_id)
        return self._run(guard, lambda response: _accepted("start", response, control_id, self.call_id))

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


@dataclass(kw_only=True, repr=False)
class _CallingStartGuard(StartGuard["ApiResponse[CallingCallRecord]"]):
    """A start by the Calling API.

    :param start: The start.
    :param stop_first: Whether an earlier try may have left a stream of the same control id.
    """

    start: CallingStreamStart
    stop_first: bool

    _is_sent = False

    def _send(self) -> ApiResponse[CallingCallRecord]:
        with self.hook.get_conn() as client:
            self._is_sent = True
            return client.run(self.start.run(stop_first=self.stop_first))

    def _warning(self) -> str | None:
        return self.start.warning if self._is_sent else None

    def _stop(self, client: SignalWireClient, seconds: float) -> str | None:
        if not is_current_try(self.context):
            return "Nothing was stopped: the try was given up, and the control id belongs to the next one."
        if client.run(self.start.stop(seconds=seconds)):
            log.info("The stop was accepted.")
            return None
        return ""


class StopCallingStreamOperator(HookMixin, BaseOperator):
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
            response = client.run(send(request))
        return _accepted("stop", response, self.control_id, self.call_id)


def _default_control_id(task: BaseOperator, context: Any) -> str:
    run_id = getattr(context.get("ti"), "run_id", None)
    name = default_stream_name(task, context)
    return f"{name}.{run_id}" if run_id else name


def _accepted(
    command: str, response: ApiResponse[CallingCallRecord], control_id: str, call_id: str
) -> CallingCallRecord:
    """Log that a command was accepted, and return the call's record with the control id."""
    record, stats = response
    log.info(
        "Stream %s accepted: control id %s on call %r (%s). Attempts %d, %.0f ms, request id %s.",
        *(command, _masked(control_id), call_id, record["status"]),
        *(stats.attempts, stats.seconds * 1000, stats.request_id or "unknown"),
    )
    return {**record, "control_id": control_id}


def _masked(control_id: str) -> str:
    return mask_phone_numbers(repr(control_id))
