"""The hook: SignalWire's API, with the credentials of an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Unpack

from airflow_provider_signalwire.client.flows import calls
from airflow_provider_signalwire.client.flows.calling import run_command
from airflow_provider_signalwire.client.protocol import calling, endpoints
from airflow_provider_signalwire.client.protocol.options import (
    CreateCallOptions,
    StartRecordingOptions,
    UpdateCallOptions,
)
from airflow_provider_signalwire.client.protocol.records import (
    AccountRecord,
    CallingCallRecord,
    CallRecord,
    ConferenceRecord,
    RecordingRecord,
    StreamRecord,
)
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE
from airflow_provider_signalwire.connection_form import field_behaviour, form_widgets
from airflow_provider_signalwire.hooks.call_stream_context import CallStreamContext
from airflow_provider_signalwire.hooks.connection import ConnectionHook


class SignalWireHook(ConnectionHook):
    """Call SignalWire's `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.

    Every method raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`; transient failures have
    already been retried, as the connection's extras say.

    :param signalwire_conn_id: The :ref:`connection <connection>` to use.
    :param account_sid: Project ID of a subproject to act in. Default: the connection's Project ID.
    """

    # Airflow before 3.2 looks for these two in the class itself, not in its bases.
    get_connection_form_widgets = staticmethod(form_widgets)
    get_ui_field_behaviour = staticmethod(field_behaviour)

    def get_account(self) -> AccountRecord:
        """Return the project's record; the token needs the scope Management."""
        return self._send(endpoints.get_account(self.account_sid))

    def stop_call_stream(self, call_sid: str, stream_sid: str) -> StreamRecord:
        """Request a media stream's stop and return its record, whose status is usually ``queued``.

        Safe to repeat. If the call has ended, the record is derived from the call's.

        :param call_sid: The call.
        :param stream_sid: The stream's SID or its name.
        """
        return self._stop_stream(CALL, call_sid, stream_sid)

    @clears_locals
    def start_call_stream(
        self,
        call_sid: str,
        url: str,
        *,
        name: str,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
    ) -> StreamRecord:
        """Start a media stream and return its record.

        The name is treated as the caller's own on that call: if the response to a start is lost, the stream of that
        name is stopped before it is started again. If that fails, the error says that a stream may be running.

        :param call_sid: The call, which must be in progress.
        :param url: WebSocket that receives the audio, ``wss://…``.
        :param name: The stream's name, unique on its call.
        :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default).
        :param status_callback: URL that SignalWire reports the stream's events to.
        :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
        :param parameters: Up to 99 custom parameters for the WebSocket server.
        :param authorization_bearer_token: Bearer token for the WebSocket server.
        """
        return self._start_stream(
            CALL,
            call_sid,
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
        )

    @clears_locals
    def start_conference_stream(
        self,
        conference_sid: str,
        url: str,
        *,
        name: str,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        codec: str | None = None,
        real_time: bool | None = None,
    ) -> StreamRecord:
        """Start a media stream of a conference and return its record, as :meth:`start_call_stream` does for a call.

        :param conference_sid: The conference, which must be in progress.
        :param codec: ``PCMU``, ``PCMA``, ``L16``, ``L16@16000h`` or ``L16@24000h``.
        :param real_time: Whether to stream in real time, the API's ``StreamRealTime``.
        """
        return self._start_stream(
            CONFERENCE,
            conference_sid,
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
            codec=codec,
            real_time=real_time,
        )

    def stop_conference_stream(self, conference_sid: str, stream_sid: str) -> StreamRecord:
        """Request the stop of a conference's stream and return its record, as :meth:`stop_call_stream` does."""
        return self._stop_stream(CONFERENCE, conference_sid, stream_sid)

    @clears_locals
    def call_stream(
        self,
        call_sid: str,
        url: str,
        *,
        name: str | None = None,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        timeout: float | timedelta = 300,
    ) -> CallStreamContext:
        """Start a media stream when a ``with`` or ``async with`` block begins, and stop it when the block ends.

        The block's variable is the stream's record. The end of the block waits until the stream has stopped. If both
        the block and the stop fail, the block's error is raised, and the stop's is a note of it. The other parameters
        are those of :meth:`start_call_stream`.

        :param name: The stream's name, unique on its call. Default: ``airflow-`` and a UUID.
        :param timeout: Seconds or timedelta to wait until the stream has stopped.
        """
        return CallStreamContext(
            self,
            call_sid,
            name=name,
            timeout=timeout,
            url=url,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
        )

    def get_call(self, call_sid: str) -> CallRecord:
        """Return a call's record."""
        return self._send(endpoints.get_call(self.account_sid, call_sid))

    @clears_locals
    def list_calls(
        self,
        *,
        status: str | None = None,
        to: str | None = None,
        from_: str | None = None,
        parent_call_sid: str | None = None,
        started_before: datetime | str | None = None,
        started_after: datetime | str | None = None,
        ended_before: datetime | str | None = None,
        ended_after: datetime | str | None = None,
        page_size: int = endpoints.MAX_PAGE_SIZE,
        limit: int | None = None,
    ) -> Iterator[CallRecord]:
        """Iterate over the calls that match all given filters; a page is fetched when it is needed.

        An entry that is not a call is logged and skipped.

        :param status: One of the call statuses, e.g. ``in-progress``.
        :param to: The number or address called.
        :param from_: The number or address that called.
        :param parent_call_sid: The call that created them.
        :param started_before: Aware datetime, or a string in ISO 8601 or RFC 2822; so are ``started_after``,
            ``ended_before`` and ``ended_after``.
        :param page_size: Calls per request, 1 to 1000.
        :param limit: Maximum number of calls. Default: all.
        """
        return self._iterate(
            endpoints.list_calls,
            page_size=page_size,
            limit=limit,
            status=status,
            to=to,
            from_=from_,
            parent_call_sid=parent_call_sid,
            started_before=started_before,
            started_after=started_after,
            ended_before=ended_before,
            ended_after=ended_after,
        )

    @clears_locals
    def create_call(self, to: str, from_: str, **options: Unpack[CreateCallOptions]) -> CallRecord:
        """Make a call and return its record. It is never repeated if it may have been made, and the error says so."""
        return self.get_conn().run(calls.create_call(self.account_sid, to=to, from_=from_, **options)).record

    @clears_locals
    def update_call(self, call_sid: str, **options: Unpack[UpdateCallOptions]) -> CallRecord:
        """Change a call in progress, e.g. ``status="completed"`` to hang up, and return its record."""
        return self.get_conn().run(calls.update_call(self.account_sid, call_sid, **options))

    @clears_locals
    def calling_command(
        self, command: str, call_id: str | None, params: Mapping[str, Any] | None = None
    ) -> CallingCallRecord:
        """Send a command of the `Calling API <https://signalwire.com/docs/apis/calling>`__; return the call's record.

        A success means that SignalWire accepted the command. It is repeated only if it was not processed, or if it
        stops or ends something.

        :param command: For example ``calling.stream.stop``.
        :param call_id: The call, which SWML, a Call Flow or RELAY made. None for ``dial`` and ``update``.
        :param params: The command's parameters.
        """
        return self.get_conn().run(run_command(calling.calling_command(command, call_id, params))).record

    def delete_call(self, call_sid: str) -> None:
        """Delete the record of an ended call."""
        self.get_conn().run(calls.delete_call(self.account_sid, call_sid))

    @clears_locals
    def start_call_recording(self, call_sid: str, **options: Unpack[StartRecordingOptions]) -> RecordingRecord:
        """Start to record a call and return the recording's record. It is never repeated if it may have started."""
        return self._send(endpoints.start_call_recording(self.account_sid, call_sid, **options))

    def update_call_recording(
        self, call_sid: str, recording_sid: str, *, status: str, pause_behavior: str | None = None
    ) -> RecordingRecord:
        """Pause (``paused``), resume (``in-progress``) or stop (``stopped``) a recording; return its record."""
        update = calls.update_call_recording(
            self.account_sid, call_sid, recording_sid, status=status, pause_behavior=pause_behavior
        )
        return self.get_conn().run(update)

    def get_conference(self, conference_sid: str) -> ConferenceRecord:
        """Return a conference's record."""
        return self._send(endpoints.get_conference(self.account_sid, conference_sid))

    def list_conferences(
        self,
        *,
        status: str | None = None,
        friendly_name: str | None = None,
        created_before: date | str | None = None,
        created_after: date | str | None = None,
        updated_before: date | str | None = None,
        updated_after: date | str | None = None,
        page_size: int = endpoints.MAX_PAGE_SIZE,
        limit: int | None = None,
    ) -> Iterator[ConferenceRecord]:
        """Iterate over the conferences that match all given filters, as :meth:`list_calls` does over calls.

        :param status: ``init``, ``in-progress`` or ``completed``.
        :param friendly_name: Name of the conference room.
        :param created_before: A date, or a string such as ``2026-01-31``; so are ``created_after``,
            ``updated_before`` and ``updated_after``.
        :param page_size: Conferences per request, 1 to 1000.
        :param limit: Maximum number of conferences. Default: all.
        """
        return self._iterate(
            endpoints.list_conferences,
            page_size=page_size,
            limit=limit,
            status=status,
            friendly_name=friendly_name,
            created_before=created_before,
            created_after=created_after,
            updated_before=updated_before,
            updated_after=updated_after,
        )
