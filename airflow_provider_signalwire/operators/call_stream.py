"""Stop and start a media stream of a call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.protocol.records import stream_is_stopped
from airflow_provider_signalwire.client.protocol.redaction import secrets_in_url
from airflow_provider_signalwire.client.protocol.validation import validate_number
from airflow_provider_signalwire.sensors.base import DEFER_TIMEOUT_MARGIN

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook


# A year: longer than any call, and short enough for every clock.
_LONGEST_TIMEOUT = 366 * 24 * 3600


class StopCallStreamOperator(BaseOperator):
    """Stop a media stream of a call.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them. Stopping is asynchronous: without
    ``wait_for_completion`` its ``status`` is usually ``queued``. If the call has ended, its streams have stopped
    with it: the task succeeds, and the record is derived from the call's, with ``name`` null and
    ``stream_sid`` as its ``sid``.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a further try if
    the login is refused or a live call has no such stream; a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireTimeoutError` when ``timeout`` is over.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated).
    :param wait_for_completion: Whether to wait until the stream has really stopped, by asking for the stop again.
    :param poll_interval: Seconds between two looks while waiting, at least 0.1.
    :param timeout: Seconds after which to give up waiting.
    :param ignore_if_missing: Succeed, with None as the XCom value, if there is no such stream or call.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    """

    template_fields: Sequence[str] = ("call_sid", "stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        call_sid: str,
        stream_sid: str,
        wait_for_completion: bool = False,
        poll_interval: float = 5,
        timeout: float = 300,
        ignore_if_missing: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.stream_sid = stream_sid
        self.wait_for_completion = wait_for_completion
        self.poll_interval = validate_number("poll_interval", poll_interval, minimum=0.1)
        self.timeout = validate_number("timeout", timeout, maximum=_LONGEST_TIMEOUT)
        self.ignore_if_missing = ignore_if_missing
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> SignalWireHook:
        """The hook."""
        return _hook(self.signalwire_conn_id, self.account_sid)

    def execute(self, context: Context) -> StreamRecord | None:
        """Ask for the stop, wait for it if asked to, and return the record."""
        from airflow_provider_signalwire.client.flows.stop import stop_stream
        from airflow_provider_signalwire.client.flows.wait import look_at_stream, wait_until_stream_stopped

        deadline = time.time() + self.timeout
        stream = (self.hook.account_sid, self.call_sid, self.stream_sid)
        ask = look_at_stream if self.wait_for_completion else stop_stream
        with self.hook.get_conn() as client:
            record = client.run(ask(*stream, ignore_if_missing=self.ignore_if_missing))
            if record is None or stream_is_stopped(record) or not self.wait_for_completion:
                return record
            if self.deferrable:
                self._defer(deadline, record["status"])
            waiting = wait_until_stream_stopped(
                *stream,
                poll_interval=self.poll_interval,
                deadline=deadline,
                ignore_if_missing=self.ignore_if_missing,
                last_status=record["status"],
            )
            return client.run(waiting)

    def execute_complete(self, context: Context, event: Any = None) -> StreamRecord | None:
        """Return the record the trigger sent, or raise the error it sent."""
        from airflow_provider_signalwire.triggers.events import record_of

        record: StreamRecord | None = record_of(event)
        return record

    def _defer(self, deadline: float, last_status: str) -> None:
        from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

        self.defer(
            trigger=CallStreamStoppedTrigger(
                call_sid=self.call_sid,
                stream_sid=self.stream_sid,
                account_sid=self.account_sid,
                signalwire_conn_id=self.signalwire_conn_id,
                poll_interval=self.poll_interval,
                deadline=deadline,
                ignore_if_missing=self.ignore_if_missing,
                last_status=last_status,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + DEFER_TIMEOUT_MARGIN,
        )


class StartCallStreamOperator(BaseOperator):
    """Start a media stream of a call.

    Wraps `Create a stream <https://signalwire.com/docs/compatibility-api/rest/streams/create-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them; ``sid`` is what to stop it by.

    Exactly one stream runs when the task has succeeded, and none when it has failed; only if SignalWire can no longer
    be reached to make sure of that, the error says that a stream may be running, and under which name. If the answer
    to a start is lost, nobody knows whether the stream runs, so it is stopped by its name before it is started anew.
    A further try of the task does the same with what the try before it may have left.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a further try if
    the login is refused, the call is not in progress, or the name is in use on the call.

    :param call_sid: The call, which has to be in progress (templated).
    :param url: WebSocket that gets the audio, ``wss://…`` (templated).
    :param name: The stream's name, unique on its call (templated). Default: ``<dag_id>.<task_id>``, followed by
        ``.<map_index>`` in a mapped task; the same in every run, so that a cleanup finds it by name.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated). Template it from a
        connection, ``{{ conn.my_bot.password }}``: a text written in a DAG file is no secret.
    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

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
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.url = url
        self.name = name
        self.track = track
        self.status_callback = status_callback
        self.status_callback_method = status_callback_method
        self.parameters = parameters
        self.authorization_bearer_token = authorization_bearer_token
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id

    @cached_property
    def hook(self) -> SignalWireHook:
        """The hook."""
        return _hook(self.signalwire_conn_id, self.account_sid)

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        """Render the templates, and keep the secrets among them out of the fields that Airflow shows.

        A mapped task is rendered by this method alone: its render_template_fields is another class's.
        """
        super()._do_render_template_fields(*args, **kwargs)
        self._mask_secrets()

    def _mask_secrets(self) -> None:
        fields = (self.url, self.status_callback)
        secrets = {secret for url in fields if isinstance(url, str) for secret in secrets_in_url(url)}
        if isinstance(self.authorization_bearer_token, str):
            secrets.add(self.authorization_bearer_token)
        for secret in secrets:
            mask_secret(secret)

    def execute(self, context: Context) -> StreamRecord:
        """Start the stream and return its record."""
        from airflow_provider_signalwire.client.flows.start import start_stream

        ti = context["ti"]
        starting = start_stream(
            self.hook.account_sid,
            self.call_sid,
            url=self.url,
            name=self.name if self.name is not None else _default_name(ti),
            track=self.track,
            status_callback=self.status_callback,
            status_callback_method=self.status_callback_method,
            parameters=self.parameters,
            authorization_bearer_token=self.authorization_bearer_token,
            # A try before this one may have died between starting the stream and remembering it.
            replace_existing=ti.try_number > 1,
        )
        with self.hook.get_conn() as client:
            record = client.run(starting)
        self.log.info("Stream %r on call %r is %r.", record["sid"], self.call_sid, record["status"])
        return record


def _default_name(ti: Any) -> str:
    name = f"{ti.dag_id}.{ti.task_id}"
    map_index = getattr(ti, "map_index", -1)
    return name if map_index is None or map_index < 0 else f"{name}.{map_index}"


def _hook(signalwire_conn_id: str, account_sid: str | None) -> SignalWireHook:
    # Imported when a task runs, so that parsing a DAG file loads no HTTP library.
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

    return SignalWireHook(signalwire_conn_id, account_sid=account_sid)
