"""What the operators for streams of calls and of conferences share."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.validation import validate_boolean, validate_duration
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin, StreamParentMixin, report_stop
from airflow_provider_signalwire.journal_events import write_stream_event
from airflow_provider_signalwire.journal_intents import StartIntent
from airflow_provider_signalwire.operators.start_guard import GuardedStartMixin, StreamStartGuard
from airflow_provider_signalwire.operators.stream_owner import add_owner_parameters, default_stream_name
from airflow_provider_signalwire.triggers.deferral import make_stream_trigger, poll_and_defer
from airflow_provider_signalwire.triggers.events import stream_record_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.flows.wait import StreamPoller
    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.triggers.stream import StreamStoppedTrigger

# Defaults of the subclasses.
_POLL_INTERVAL = 5
_TIMEOUT = 300


class StopStreamOperator(StreamParentMixin, HookMixin, BaseOperator):
    """Stop a media stream. The parameters are those of :class:`.StopCallStreamOperator`."""

    template_fields: Sequence[str] = ("stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        stream_sid: str,
        wait_for_completion: bool,
        poll_interval: float | timedelta,
        timeout: float | timedelta,
        ignore_if_missing: bool,
        account_sid: str | None,
        signalwire_conn_id: str,
        deferrable: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_sid = stream_sid
        self.wait_for_completion = validate_boolean("wait_for_completion", wait_for_completion)
        self.poll_interval = validate_duration("poll_interval", poll_interval, minimum=0.1)
        self.timeout = validate_duration("timeout", timeout)
        self.ignore_if_missing = validate_boolean("ignore_if_missing", ignore_if_missing)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.deferrable = validate_boolean("deferrable", deferrable)
        if not wait_for_completion:
            is_default = conf.getboolean("operators", "default_deferrable", fallback=False)
            for option, is_given in (
                ("deferrable=True", deferrable and not is_default),
                ("poll_interval", self.poll_interval != _POLL_INTERVAL),
                ("timeout", self.timeout != _TIMEOUT),
            ):
                if is_given:
                    message = f"Task {self.task_id!r}: {option} has no effect without wait_for_completion=True."
                    warnings.warn(message, stacklevel=4)  # the DAG file: the constructor is that of a subclass

    def execute(self, context: Context) -> StreamRecord | None:
        """Request the stop, wait for it if asked to, and return the record."""
        from airflow_provider_signalwire.client.flows.wait import PollSchedule, StreamPoller, wait_until

        poller = StreamPoller(
            self.hook.account_sid,
            self.parent_sid,
            self.stream_sid,
            ignore_if_missing=self.ignore_if_missing,
            parent=self.parent,
        )
        if self.wait_for_completion and self.deferrable:
            return self._finish(context, poll_and_defer(self, poller, poll_interval=self.poll_interval))
        schedule = PollSchedule(poll_interval=self.poll_interval, deadline=time.monotonic() + self.timeout)
        with self.hook.get_conn() as client:
            stop = wait_until(poller, schedule) if self.wait_for_completion else poller.request_stop()
            return self._finish(context, client.run(stop))

    def execute_complete(self, context: Context, event: Any = None) -> StreamRecord | None:
        """Return the record that the trigger sent, or raise the error that it sent."""
        record = stream_record_of(
            event, self.parent, self.parent_sid, self.stream_sid, ignore_if_missing=self.ignore_if_missing
        )
        write_end(context, self, "stopped", self.stream_sid, record)
        return record

    def _finish(self, context: Context, result: StopResult) -> StreamRecord | None:
        report_stop(result, self.parent_sid, self.stream_sid)
        event = "ended" if result.outcome == "already_ended" else "stopped"
        write_end(context, self, event, self.stream_sid, result.record)
        return result.record

    def make_trigger(self, poller: StreamPoller, **arguments: Any) -> StreamStoppedTrigger:
        """Return the trigger that continues the wait."""
        return make_stream_trigger(
            self.parent,
            self.parent_sid,
            stream_sid=self.stream_sid,
            known_sid=poller.stream_sid,
            ignore_if_missing=self.ignore_if_missing,
            **arguments,
        )


def write_end(context: Context, operator: Any, event: str, stream_sid: str, record: StreamRecord | None) -> None:
    """Write into the journal that a stream has stopped, under its SID and name if the record is about it."""
    sid, name = stream_sid, None
    if record is not None and operator.parent.stream_matches(record, operator.parent_sid, stream_sid):
        sid, name = record["sid"], record.get("name")
    write_stream_event(context, operator, event, stream_sid=sid, name=name)


class StartStreamOperator(GuardedStartMixin, StreamParentMixin, HookMixin, BaseOperator):
    """Start a media stream. The parameters are those of :class:`.StartCallStreamOperator`."""

    template_fields: Sequence[str] = (
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
        url: str,
        name: str | None,
        track: str | None,
        status_callback: str | None,
        status_callback_method: str | None,
        parameters: Mapping[str, str] | None,
        authorization_bearer_token: str | None,
        owner_parameters: bool,
        outlives_run: bool,
        account_sid: str | None,
        signalwire_conn_id: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
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

    def more_options(self) -> dict[str, Any]:
        """Return the options that only this kind of stream has."""
        return {}

    def execute(self, context: Context) -> StreamRecord:
        """Start the stream and return its record."""
        from airflow_provider_signalwire.client.protocol.stream_endpoints import start_stream

        name = self.name if self.name is not None else default_stream_name(self, context)
        request = start_stream(
            self.parent,
            self.hook.account_sid,
            self.parent_sid,
            url=self.url,
            name=name,
            track=self.track,
            status_callback=self.status_callback,
            status_callback_method=self.status_callback_method,
            parameters=self._make_parameters(context),
            authorization_bearer_token=self.authorization_bearer_token,
            **self.more_options(),
        )
        guard = StreamStartGuard(
            context=context,
            hook=self.hook,
            stream=f"Stream {name!r} on {self.parent.noun} {self.parent_sid!r}",
            request=request,
            parent=self.parent,
            parent_sid=self.parent_sid,
            name=name,
            is_default_name=self.name is None,
            push_record=self._pushes_xcom,
            journal_intent=StartIntent(context, self, name),
        )
        return self._run(guard, lambda record: self._finish(context, guard, record))

    def _finish(self, context: Context, guard: StreamStartGuard, record: StreamRecord) -> StreamRecord:
        """Do what follows the start."""
        name = record.get("name") or guard.name
        write_stream_event(
            context, self, "started", stream_sid=record["sid"], name=name, outlives_run=self.outlives_run
        )
        if guard.has_pushed and not self._has_mapped_dependants():
            self.do_xcom_push = False  # Airflow's own push would be another chance to fail after the start.
        return record

    def _make_parameters(self, context: Context) -> Mapping[str, str] | None:
        return add_owner_parameters(self.parameters, self, context) if self.owner_parameters else self.parameters

    def _has_mapped_dependants(self) -> bool:
        return self.get_dag() is not None and any(self.iter_mapped_dependants())
