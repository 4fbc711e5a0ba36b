"""Run a media stream of a call as one task: start it, wait, stop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.client.protocol.validation import validate_duration
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.operators.current_try import run_briefly
from airflow_provider_signalwire.operators.start_guard import TaskKilled, is_noted_as_stopped
from airflow_provider_signalwire.operators.stream import StartStreamOperator, write_end
from airflow_provider_signalwire.operators.stream_owner import add_owner_parameters, default_stream_name
from airflow_provider_signalwire.task_state import TaskState
from airflow_provider_signalwire.triggers.deferral import WaitDeadlines
from airflow_provider_signalwire.triggers.events import stream_end_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.operators.start_guard import StreamStartGuard

_STATE_KEY = "signalwire_run"
_KILL_SECONDS = 3.0


class RunCallStreamOperator(StartStreamOperator):
    """Start a media stream of a call, wait in the triggerer until the call ends or a time has passed, and stop it.

    The task succeeds when the stream has stopped. A stream's own end cannot be seen, only its call's: if the WebSocket
    server closes the stream, the task goes on waiting.

    XCom: the record of the stopped stream, as ``StopCallStreamOperator`` returns it; under the key ``reason`` why
    it ended: ``call_ended`` or ``max_duration``. From the start on, each key of the start's record is there, too.

    The stream is stopped if the task fails, times out, is killed, marked or cleared; while it is deferred, a user's
    action needs Airflow 3.3 or newer for that. On Airflow 3.3 and newer, a retry resumes a stream that still runs.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`, as the start and the stop do.

    :param call_sid: The call, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param max_duration: Seconds or timedelta after which to stop the stream, if the call has not ended by then.
    :param name: The stream's name, unique on its call (templated). Default: ``<dag_id>.<task_id>``, followed by
        ``.<map_index>`` in a mapped task.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated).
    :param owner_parameters: Whether to add custom parameters that name the DAG, the run and the task, and the time at
        which ``max_duration`` has passed.
    :param poll_interval: Seconds or timedelta between two reads of the call, at least 0.1 s.
    :param stop_timeout: Seconds or timedelta to wait until the stream has stopped.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    parent = CALL
    template_fields = ("call_sid", *StartStreamOperator.template_fields)

    @clears_locals
    def __init__(
        self,
        *,
        call_sid: str,
        url: str,
        max_duration: float | timedelta,
        name: str | None = None,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        owner_parameters: bool = False,
        poll_interval: float | timedelta = 10,
        stop_timeout: float | timedelta = 300,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        if "outlives_run" in kwargs:
            raise SignalWireConfigurationError(
                "Parameter 'outlives_run' has no effect here: the task stops its stream."
            )
        super().__init__(
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
            owner_parameters=owner_parameters,
            outlives_run=False,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.call_sid = call_sid
        self.max_duration = validate_duration("max_duration", max_duration)
        self.poll_interval = validate_duration("poll_interval", poll_interval, minimum=0.1)
        self.stop_timeout = validate_duration("stop_timeout", stop_timeout)
        self._stop_resumed: Callable[[], None] | None = None

    def execute(self, context: Context) -> StreamRecord:
        """Start the stream, or take up the one of an earlier try, and defer."""
        state = TaskState(context, _STATE_KEY)
        running = state.load()
        if running is None:
            return super().execute(context)

        def stop() -> None:
            if self._stop_stream(running, seconds=_KILL_SECONDS):
                run_briefly(state.clear)

        if running["key"] == self._resume_key(context) and not is_noted_as_stopped(context):
            self._stop_resumed = stop
            stream = mask_phone_numbers(repr(running["stream_sid"]))
            self.log.info("Resuming stream %s on call %r.", stream, self.call_sid)
            self._defer(running)
        # The task was cleared, or ended before it had deferred: the stream has stopped, or should have.
        self._stop_stream(running)
        return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None) -> StreamRecord:
        """Return the record that the trigger sent, or raise the error that it sent."""
        state = TaskState(context, _STATE_KEY)
        try:
            record, reason = stream_end_of(event, call_sid=self.call_sid)
        except BaseException:
            if isinstance(event, dict) and event.get("stopped"):
                state.clear()
            else:
                self._stop_after_failure(context)
            raise
        state.clear()
        self.log.info("The stream has ended: %s.", reason)
        end = "ended" if reason == "call_ended" else "stopped"
        write_end(context, self, end, event["requested"]["stream_sid"], record)
        if self._pushes_xcom and (ti := context.get("ti")) is not None:
            ti.xcom_push(key="reason", value=reason)
        return record

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger's event, or stop the stream of a trigger that is gone."""
        if next_method != "execute_complete":
            self._stop_after_failure(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Stop the stream that was started or resumed, and end the task."""
        super().on_kill()
        if self._stop_resumed is not None:
            self._stop_resumed()
            raise TaskKilled()

    def _finish(self, context: Context, guard: StreamStartGuard, record: StreamRecord) -> NoReturn:
        """Save what the trigger and the next try have to know of the stream, and defer."""
        super()._finish(context, guard, record)
        self.do_xcom_push = self._pushes_xcom
        running = {
            "key": self._resume_key(context),
            "call_sid": self.call_sid,
            "stream_sid": guard.stop_by,
            "stream_status": record["status"] if guard.stop_by == record["sid"] else None,
            "deadline": time.time() + self.max_duration,
        }
        TaskState(context, _STATE_KEY).save(running)
        self._defer(running)

    def _make_parameters(self, context: Context) -> Mapping[str, str] | None:
        if not self.owner_parameters:
            return self.parameters
        return add_owner_parameters(self.parameters, self, context, ends_at=time.time() + self.max_duration)

    def _resume_key(self, context: Any) -> list[Any]:
        """Return what is the same in a retry by Airflow. Clearing a task changes its ``max_tries``."""
        return [self.call_sid, getattr(context.get("ti"), "max_tries", None)]

    def _defer(self, running: dict[str, Any]) -> NoReturn:
        from airflow_provider_signalwire.triggers.run_call_stream import RunCallStreamTrigger

        execution_timeout = WaitDeadlines.from_now(0, self.execution_timeout).execution_timeout
        deadlines = WaitDeadlines(running["deadline"], execution_timeout)
        trigger = RunCallStreamTrigger(
            call_sid=self.call_sid,
            stream_sid=running["stream_sid"],
            stream_status=running["stream_status"],
            stop_timeout=self.stop_timeout,
            account_sid=self.account_sid,
            signalwire_conn_id=self.signalwire_conn_id,
            poll_interval=self.poll_interval,
            last_status=None,
            **deadlines.trigger_arguments(),
        )
        backstop = deadlines.backstop + timedelta(seconds=self.stop_timeout)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=backstop)
        raise AssertionError("unreachable: defer raises")  # pragma: no cover

    def _stop_after_failure(self, context: Context) -> None:
        """Stop the stream that the trigger has not stopped; the trigger's error is raised afterwards."""
        state = TaskState(context, _STATE_KEY)
        name = self.name if self.name is not None else default_stream_name(self, context)
        running = state.load() or {"call_sid": self.call_sid, "stream_sid": name, "stream_status": None}
        if self._stop_stream(running):
            state.clear()

    def _stop_stream(self, running: dict[str, Any], *, seconds: float | None = None) -> bool:
        """Stop a stream, and return whether it has stopped."""
        from airflow_provider_signalwire.client.flows.run_stream import stop_running_stream
        from airflow_provider_signalwire.client.flows.wait import StreamPoller

        timeout = self.stop_timeout if seconds is None else seconds
        poller = StreamPoller(
            self.hook.account_sid, running["call_sid"], running["stream_sid"], last_status=running["stream_status"]
        )
        try:
            with self.hook.make_client(timeout=timeout) as client:
                result = client.run(stop_running_stream(poller, timeout=timeout))
        except SignalWireError as error:
            self.log.error("The stream could not be stopped: %s", error)
            return False
        self.log.info("%s", result.describe(running["call_sid"], running["stream_sid"]))
        return True
