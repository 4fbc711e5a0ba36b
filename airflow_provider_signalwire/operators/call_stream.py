"""Stop and start a media stream of a call."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.protocol.records import stream_is_stopped, stream_matches
from airflow_provider_signalwire.client.protocol.redaction import clears_locals, secrets_in_url
from airflow_provider_signalwire.client.protocol.validation import validate_boolean, validate_duration
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin
from airflow_provider_signalwire.journal_store import write_stream_event
from airflow_provider_signalwire.operators.start_guard import StartGuard, TaskKilled
from airflow_provider_signalwire.operators.stream_owner import add_owner_parameters, default_stream_name
from airflow_provider_signalwire.triggers.deferral import WaitDeadlines
from airflow_provider_signalwire.triggers.events import stream_record_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.flows.wait import StreamPoller
    from airflow_provider_signalwire.client.protocol.records import StreamRecord


class StopCallStreamOperator(HookMixin, BaseOperator):
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
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.stream_sid = stream_sid
        self.wait_for_completion = validate_boolean("wait_for_completion", wait_for_completion)
        self.poll_interval = validate_duration("poll_interval", poll_interval, minimum=0.1)
        self.timeout = validate_duration("timeout", timeout)
        self.ignore_if_missing = validate_boolean("ignore_if_missing", ignore_if_missing)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.deferrable = validate_boolean("deferrable", deferrable)
        is_default = conf.getboolean("operators", "default_deferrable", fallback=False)
        if deferrable and not wait_for_completion and not is_default:
            message = f"Task {self.task_id!r}: deferrable=True has no effect without wait_for_completion=True."
            warnings.warn(message, stacklevel=2)

    def execute(self, context: Context) -> StreamRecord | None:
        """Request the stop, wait for it if asked to, and return the record."""
        from airflow_provider_signalwire.client.flows.wait import (
            PollSchedule,
            StreamPoller,
            poll_before_deferring,
            wait_until,
        )

        deadlines = WaitDeadlines.from_now(self.timeout, self.execution_timeout)
        schedule = PollSchedule(poll_interval=self.poll_interval, deadline=time.monotonic() + self.timeout)
        poller = StreamPoller(
            self.hook.account_sid, self.call_sid, self.stream_sid, ignore_if_missing=self.ignore_if_missing
        )
        with self.hook.get_conn() as client:
            if not self.wait_for_completion:
                return self._finish(context, client.run(poller.request_stop()))
            if not self.deferrable:
                return self._finish(context, client.run(wait_until(poller, schedule)))
            result, retry_after = client.run(poll_before_deferring(poller, schedule))
        if result is not None:
            return self._finish(context, result)
        self._defer(poller, deadlines, retry_after)
        raise AssertionError("unreachable: defer raises")  # pragma: no cover

    def execute_complete(self, context: Context, event: Any = None) -> StreamRecord | None:
        """Return the record that the trigger sent, or raise the error that it sent."""
        record = stream_record_of(
            event, call_sid=self.call_sid, stream_sid=self.stream_sid, ignore_if_missing=self.ignore_if_missing
        )
        self._record_end(context, "stopped", record)
        return record

    def _record_end(self, context: Context, event: str, record: StreamRecord | None) -> None:
        """Write into the journal that the stream has stopped."""
        sid, name = self.stream_sid, None
        if record is not None and stream_matches(record, self.call_sid, self.stream_sid):
            sid, name = record["sid"], record.get("name")
        write_stream_event(context, self, event, stream_sid=sid, name=name)

    def _finish(self, context: Context, result: StopResult) -> StreamRecord | None:
        from airflow_provider_signalwire.metrics import AIRFLOW_STATS

        self.log.log(result.log_level, "%s", result.describe(self.call_sid, self.stream_sid))
        if not self.wait_for_completion or result.record is None or stream_is_stopped(result.record):
            AIRFLOW_STATS.on_stream_stopped(result.outcome)
        self._record_end(context, "ended" if result.outcome == "already_ended" else "stopped", result.record)
        return result.record

    def _defer(self, poller: StreamPoller, deadlines: WaitDeadlines, retry_after: float) -> None:
        from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

        trigger = CallStreamStoppedTrigger(
            call_sid=self.call_sid,
            stream_sid=self.stream_sid,
            known_sid=poller.stream_sid,
            account_sid=self.account_sid,
            signalwire_conn_id=self.signalwire_conn_id,
            poll_interval=self.poll_interval,
            ignore_if_missing=self.ignore_if_missing,
            last_status=poller.last_status,
            retry_after=retry_after,
            **deadlines.trigger_arguments(),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=deadlines.backstop)


class StartCallStreamOperator(HookMixin, BaseOperator):
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
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.url = url
        self.name = name
        self.track = track
        self.status_callback = status_callback
        self.status_callback_method = status_callback_method
        self.parameters = parameters
        self.authorization_bearer_token = authorization_bearer_token
        self.owner_parameters = validate_boolean("owner_parameters", owner_parameters)
        self.outlives_run = validate_boolean("outlives_run", outlives_run)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self._pushes_xcom = self.do_xcom_push
        self._guard: StartGuard | None = None
        self._is_killed = False

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        """Render the templates, and mask the secrets in the fields that Airflow shows."""
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
        from airflow_provider_signalwire.client.protocol.endpoints import start_call_stream

        name = self.name if self.name is not None else default_stream_name(self, context)
        request = start_call_stream(
            self.hook.account_sid,
            self.call_sid,
            url=self.url,
            name=name,
            track=self.track,
            status_callback=self.status_callback,
            status_callback_method=self.status_callback_method,
            parameters=self._make_parameters(context),
            authorization_bearer_token=self.authorization_bearer_token,
        )
        guard = StartGuard(
            context,
            self.hook,
            request,
            call_sid=self.call_sid,
            name=name,
            # Nobody else uses the default name, so a stream of that name is what an earlier try left.
            is_default_name=self.name is None,
            push_record=self._pushes_xcom,
        )
        self._guard = guard
        if self._is_killed:
            raise TaskKilled("Airflow has told the task to end.")
        record = guard.run()
        name = record.get("name") or name
        write_stream_event(
            context, self, "started", stream_sid=record["sid"], name=name, outlives_run=self.outlives_run
        )
        if guard.has_pushed and not self._has_mapped_dependants():
            # The record is in XCom. Airflow's own push would be another chance to fail after the start.
            self.do_xcom_push = False
        return record

    def _make_parameters(self, context: Context) -> Mapping[str, str] | None:
        return add_owner_parameters(self.parameters, self, context) if self.owner_parameters else self.parameters

    def _has_mapped_dependants(self) -> bool:
        return self.get_dag() is not None and any(self.iter_mapped_dependants())

    def on_kill(self) -> None:
        """Stop the stream that was or may have been started, and end the task."""
        self._is_killed = True
        if self._guard is not None:
            self._guard.on_kill()
