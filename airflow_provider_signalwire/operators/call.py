"""Make a call, change it, or hang it up."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_signalwire.client.protocol.options import CreateCallOptions, UpdateCallOptions
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireUnknownOutcomeError
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin
from airflow_provider_signalwire.operators.unknown_outcome import ends_task_if_unknown
from airflow_provider_signalwire.task_state import TaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.protocol.records import CallRecord

log = logging.getLogger(__name__)

_INTENT_KEY = "signalwire_create_call"
_CHECK_CALLS = "Check SignalWire's list of calls. To make another call, clear the task."


class CreateCallOperator(HookMixin, BaseOperator):
    """Make a call.

    Wraps `Create a call <https://signalwire.com/docs/compatibility-api/rest/calls/create-a-call>`__.

    XCom: the call's record, all keys as SignalWire returned them; its ``status`` is usually ``queued``. Its ``sid`` is
    an XCom value of its own: ``create.output["sid"]``.

    A request that may have been processed is never repeated: the task fails without a retry, with a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireUnknownOutcomeError`. On Airflow 3.3 and newer, this
    includes a try whose process was killed.

    :param to: The number or SIP address to call (templated).
    :param from_: The number or SIP address that calls (templated).
    :param url: URL of the cXML instructions that run when the call is answered (templated).
    :param application_sid: cXML application that handles the call, instead of ``url`` (templated).
    :param method: ``GET`` or ``POST`` (SignalWire's default) for ``url``.
    :param fallback_url: URL used if ``url`` fails (templated).
    :param fallback_method: ``GET`` or ``POST`` (SignalWire's default) for ``fallback_url``.
    :param status_callback: URL that SignalWire reports the call's status to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default) for ``status_callback``.
    :param status_callback_event: The events to report, e.g. ``["ringing", "completed"]`` (templated).
    :param caller_id: The number to show to the callee (templated).
    :param send_digits: Digits to dial when the call is answered (templated).
    :param timeout: Seconds or timedelta to let it ring (templated).
    :param machine_detection: ``Enable`` or ``DetectMessageEnd`` to find out whether a person answers (templated).
    :param machine_detection_timeout: Seconds or timedelta for the detection (templated).
    :param machine_detection_speech_threshold: Milliseconds of speech that indicate a machine (templated).
    :param machine_detection_speech_end_threshold: Milliseconds of silence that end its speech (templated).
    :param machine_detection_silence_timeout: Milliseconds of silence after which the detection ends (templated).
    :param machine_words_threshold: Number of words that indicate a machine (templated).
    :param async_amd: Whether to detect machines while the instructions already run.
    :param async_amd_status_callback: URL that the result is reported to (templated).
    :param async_amd_status_callback_method: ``GET`` or ``POST`` for it.
    :param async_amd_partial_results: Whether to report partial results, too.
    :param record: Whether to record the call.
    :param recording_channels: ``mono`` or ``dual`` (templated).
    :param recording_track: ``inbound``, ``outbound`` or ``both`` (templated).
    :param recording_status_callback: URL that the recording's status is reported to (templated).
    :param recording_status_callback_method: ``GET`` or ``POST`` for it.
    :param recording_status_callback_event: The events of the recording to report (templated).
    :param trim: ``trim-silence`` or ``do-not-trim`` (templated).
    :param sip_auth_username: User name for a SIP address (templated).
    :param sip_auth_password: Password for a SIP address (templated). Template it from a connection.
    :param max_price_per_minute: The call is not made if it costs more per minute, in US dollars (templated).
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = (
        "to",
        "from_",
        "url",
        "application_sid",
        "fallback_url",
        "status_callback",
        "status_callback_event",
        "caller_id",
        "send_digits",
        "timeout",
        "machine_detection",
        "machine_detection_timeout",
        "machine_detection_speech_threshold",
        "machine_detection_speech_end_threshold",
        "machine_detection_silence_timeout",
        "machine_words_threshold",
        "async_amd_status_callback",
        "recording_channels",
        "recording_track",
        "recording_status_callback",
        "recording_status_callback_event",
        "trim",
        "sip_auth_username",
        "sip_auth_password",
        "max_price_per_minute",
        "account_sid",
        "signalwire_conn_id",
    )

    @clears_locals
    def __init__(
        self,
        *,
        to: str,
        from_: str,
        url: str | None = None,
        application_sid: str | None = None,
        method: str | None = None,
        fallback_url: str | None = None,
        fallback_method: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        status_callback_event: Sequence[str] | None = None,
        caller_id: str | None = None,
        send_digits: str | None = None,
        timeout: float | timedelta | None = None,
        machine_detection: str | None = None,
        machine_detection_timeout: float | timedelta | None = None,
        machine_detection_speech_threshold: int | None = None,
        machine_detection_speech_end_threshold: int | None = None,
        machine_detection_silence_timeout: int | None = None,
        machine_words_threshold: int | None = None,
        async_amd: bool | None = None,
        async_amd_status_callback: str | None = None,
        async_amd_status_callback_method: str | None = None,
        async_amd_partial_results: bool | None = None,
        record: bool | None = None,
        recording_channels: str | None = None,
        recording_track: str | None = None,
        recording_status_callback: str | None = None,
        recording_status_callback_method: str | None = None,
        recording_status_callback_event: str | None = None,
        trim: str | None = None,
        sip_auth_username: str | None = None,
        sip_auth_password: str | None = None,
        max_price_per_minute: str | None = None,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.from_ = from_
        self.url = url
        self.application_sid = application_sid
        self.method = method
        self.fallback_url = fallback_url
        self.fallback_method = fallback_method
        self.status_callback = status_callback
        self.status_callback_method = status_callback_method
        self.status_callback_event = status_callback_event
        self.caller_id = caller_id
        self.send_digits = send_digits
        self.timeout = timeout
        self.machine_detection = machine_detection
        self.machine_detection_timeout = machine_detection_timeout
        self.machine_detection_speech_threshold = machine_detection_speech_threshold
        self.machine_detection_speech_end_threshold = machine_detection_speech_end_threshold
        self.machine_detection_silence_timeout = machine_detection_silence_timeout
        self.machine_words_threshold = machine_words_threshold
        self.async_amd = async_amd
        self.async_amd_status_callback = async_amd_status_callback
        self.async_amd_status_callback_method = async_amd_status_callback_method
        self.async_amd_partial_results = async_amd_partial_results
        self.record = record
        self.recording_channels = recording_channels
        self.recording_track = recording_track
        self.recording_status_callback = recording_status_callback
        self.recording_status_callback_method = recording_status_callback_method
        self.recording_status_callback_event = recording_status_callback_event
        self.trim = trim
        self.sip_auth_username = sip_auth_username
        self.sip_auth_password = sip_auth_password
        self.max_price_per_minute = max_price_per_minute
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id

    def execute(self, context: Context) -> CallRecord:
        """Make the call and return its record."""
        from airflow_provider_signalwire.client.flows.calls import CALL_MAY_EXIST, create_call

        ti = context.get("ti")
        # Clearing a task changes its max_tries. Airflow 3.3 keeps the state of a cleared task, 3.4 discards it.
        max_tries = getattr(ti, "max_tries", None)
        intent = TaskState(context, _INTENT_KEY)
        if (earlier := intent.load()) is not None and earlier.get("max_tries") == max_tries:
            raise SignalWireUnknownOutcomeError(_earlier_try(float(earlier["since"])))
        options: CreateCallOptions = {name: getattr(self, name) for name in CreateCallOptions.__annotations__}  # type: ignore[assignment]  # the names are those of the fields
        flow = create_call(self.hook.account_sid, to=self.to, from_=self.from_, **options)
        client = self.hook.get_conn()
        intent.save({"since": time.time(), "max_tries": max_tries})
        try:
            with client, ends_task_if_unknown(CALL_MAY_EXIST, _CHECK_CALLS):
                record, stats = client.run(flow)
        except SignalWireUnknownOutcomeError:
            raise
        except SignalWireError:
            intent.clear()
            raise
        log.info(
            "Call is %s: %r. Create: attempts %d, %.0f ms, request id %s.",
            *(record["status"], record["sid"], stats.attempts, stats.seconds * 1000, stats.request_id or "unknown"),
        )
        if ti is not None and self.do_xcom_push:
            ti.xcom_push(key="sid", value=record["sid"])
        return record


class UpdateCallOperator(HookMixin, BaseOperator):
    """Change a call in progress: hang up, cancel, or give it other instructions.

    Wraps `Update a call <https://signalwire.com/docs/compatibility-api/rest/calls/update-a-call>`__.

    XCom: the call's record, all keys as SignalWire returned them.

    ``status="completed"`` alone hangs up. It is safe to repeat, and an ended call counts as success. A new ``url`` that
    may have been processed is never repeated: the task fails without a retry, with a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireUnknownOutcomeError`.

    :param call_sid: The call (templated).
    :param url: URL of other cXML instructions (templated).
    :param method: ``GET`` or ``POST`` (SignalWire's default) for ``url``.
    :param status: ``completed`` to hang up, ``canceled`` to end a call that was not answered yet (templated).
    :param fallback_url: URL used if ``url`` fails (templated).
    :param fallback_method: ``GET`` or ``POST`` (SignalWire's default) for ``fallback_url``.
    :param status_callback: URL that SignalWire reports the call's status to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default) for ``status_callback``.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = (
        "call_sid",
        "url",
        "status",
        "fallback_url",
        "status_callback",
        "account_sid",
        "signalwire_conn_id",
    )

    @clears_locals
    def __init__(
        self,
        *,
        call_sid: str,
        url: str | None = None,
        method: str | None = None,
        status: str | None = None,
        fallback_url: str | None = None,
        fallback_method: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.url = url
        self.method = method
        self.status = status
        self.fallback_url = fallback_url
        self.fallback_method = fallback_method
        self.status_callback = status_callback
        self.status_callback_method = status_callback_method
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id

    def execute(self, context: Context) -> CallRecord:
        """Change the call and return its record."""
        from airflow_provider_signalwire.client.flows.calls import INSTRUCTIONS_MAY_RUN, update_call

        options: UpdateCallOptions = {name: getattr(self, name) for name in UpdateCallOptions.__annotations__}  # type: ignore[assignment]  # the names are those of the fields
        flow = update_call(self.hook.account_sid, self.call_sid, is_done_if_ended=True, **options)
        with self.hook.get_conn() as client:
            if self.url is None:
                record = client.run(flow)
            else:
                with ends_task_if_unknown(INSTRUCTIONS_MAY_RUN, "Check the call before you clear the task."):
                    record = client.run(flow)
        log.info("Call is %s: %r.", record["status"], self.call_sid)
        return record


def _earlier_try(since: float) -> str:
    time_text = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
    return f"An earlier try of this task may have made a call, at {time_text}. {_CHECK_CALLS}"
