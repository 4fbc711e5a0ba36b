"""The hook: an Airflow connection becomes a client."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, Unpack, cast

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook, Connection

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows import calls
from airflow_provider_signalwire.client.flows.calling import run_command
from airflow_provider_signalwire.client.flows.check_connection import check_connection
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.steps import send
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
from airflow_provider_signalwire.client.protocol.redaction import clears_locals, short_repr
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.stream_endpoints import start_stream
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, StreamParent
from airflow_provider_signalwire.client.protocol.validation import validate_integer, validate_sid, validate_text
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.hooks.call_stream_context import CallStreamContext
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

T = TypeVar("T")


class SignalWireHook(BaseHook):
    """Call SignalWire's `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.

    Every method raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`; transient failures have
    already been retried, as the connection's extras say.

    :param signalwire_conn_id: The :ref:`connection <connection>` to use.
    :param account_sid: Project ID of a subproject to act in. Default: the connection's Project ID.
    """

    conn_name_attr = "signalwire_conn_id"
    default_conn_name = "signalwire_default"
    conn_type = "signalwire"
    hook_name = "SignalWire"

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields of the connection's extras, for Airflow before 3.2."""
        from airflow_provider_signalwire.connection_form import form_widgets

        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels and placeholders of a connection's standard fields, for Airflow before 3.2."""
        from airflow_provider_signalwire.connection_form import field_behaviour

        return field_behaviour()

    def __init__(self, signalwire_conn_id: str = default_conn_name, *, account_sid: str | None = None) -> None:
        super().__init__()
        self.signalwire_conn_id = signalwire_conn_id
        self._account_sid = account_sid
        self._settings: ClientSettings | None = None
        self._client: SignalWireClient | None = None

    @property
    def settings(self) -> ClientSettings:
        """The connection's settings; the connection is looked up once.

        :raises SignalWireConfigurationError: if there is no such connection, or it cannot be used.
        """
        if self._settings is None:
            with self._lookup_errors():
                connection = self.get_connection(self._checked_conn_id)
            with self._naming_connection():
                self._settings = _load_settings(connection)
            self._mask_secrets(self._settings)
        return self._settings

    @property
    def account_sid(self) -> str:
        """The project or subproject to act in.

        :raises SignalWireConfigurationError: if it cannot be a SID.
        """
        account_sid = self._account_sid if self._account_sid is not None else self.settings.project_id
        return validate_sid("account_sid", account_sid)

    def get_conn(self) -> SignalWireClient:
        """Return the synchronous client; it is made once and keeps its connections open between requests."""
        if self._client is None:
            self._client = SignalWireClient(self.settings, observer=AIRFLOW_STATS)
        return self._client

    def make_client(self, *, timeout: float) -> SignalWireClient:
        """Return a new client that shares no connection with the one of :meth:`get_conn`.

        :param timeout: Seconds that one attempt may take, if the connection allows more.
        """
        settings = dataclasses.replace(self.settings, timeout=min(self.settings.timeout, timeout))
        return SignalWireClient(settings, observer=AIRFLOW_STATS)

    async def get_async_conn(self) -> SignalWireAsyncClient:
        """Return a new asynchronous client, to be used in an ``async with`` statement."""
        return SignalWireAsyncClient(await self.get_async_settings(), observer=AIRFLOW_STATS)

    async def get_async_settings(self) -> ClientSettings:
        """Return the connection's settings without blocking the event loop; the connection is looked up once.

        :raises SignalWireConfigurationError: if there is no such connection, or it cannot be used.
        """
        if self._settings is None:
            with self._lookup_errors():
                connection = await get_async_connection(self._checked_conn_id)
            with self._naming_connection():
                self._settings = _load_settings(connection)
            # Masking talks to the supervisor and blocks, so it must not do so on the event loop.
            await asyncio.to_thread(self._mask_secrets, self._settings)
        return self._settings

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
        request = endpoints.start_call_stream(
            self.account_sid,
            call_sid,
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
        )
        start = StreamStart(request, account_sid=self.account_sid, parent_sid=call_sid, name=name)
        return self.get_conn().run(start.run()).record

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
        the block and the stop fail, the block's error is raised, and the stop's is a note of it.

        :param call_sid: The call, which must be in progress.
        :param url: WebSocket that receives the audio, ``wss://…``.
        :param name: The stream's name, unique on its call. Default: ``airflow-`` and a UUID.
        :param track: See :meth:`start_call_stream`; so for the four below.
        :param status_callback: URL that SignalWire reports the stream's events to.
        :param status_callback_method: ``GET`` or ``POST``.
        :param parameters: Custom parameters for the WebSocket server.
        :param authorization_bearer_token: Bearer token for the WebSocket server.
        :param timeout: Seconds or timedelta to wait until the stream has stopped.
        """
        options = {
            "url": url,
            "track": track,
            "status_callback": status_callback,
            "status_callback_method": status_callback_method,
            "parameters": parameters,
            "authorization_bearer_token": authorization_bearer_token,
        }
        return CallStreamContext(self, call_sid, name=name, timeout=timeout, options=options)

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
        :param started_before: Aware datetime, or a string in ISO 8601 or RFC 2822; the three below alike.
        :param started_after: See ``started_before``.
        :param ended_before: See ``started_before``.
        :param ended_after: See ``started_before``.
        :param page_size: Calls per request, 1 to 1000.
        :param limit: Maximum number of calls. Default: all.
        """
        first = endpoints.list_calls(
            self.account_sid,
            status=status,
            to=to,
            from_=from_,
            parent_call_sid=parent_call_sid,
            started_before=started_before,
            started_after=started_after,
            ended_before=ended_before,
            ended_after=ended_after,
            page_size=_page_size(page_size, limit),
        )
        return self.get_conn().iterate(RecordPager(first=first, limit=limit))

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
        """Iterate over the conferences that match all given filters; a page is fetched when it is needed.

        An entry that is not a conference is logged and skipped.

        :param status: ``init``, ``in-progress`` or ``completed``.
        :param friendly_name: Name of the conference room.
        :param created_before: A date, or a string such as ``2026-01-31``; the three below alike.
        :param created_after: See ``created_before``.
        :param updated_before: See ``created_before``.
        :param updated_after: See ``created_before``.
        :param page_size: Conferences per request, 1 to 1000.
        :param limit: Maximum number of conferences. Default: all.
        """
        first = endpoints.list_conferences(
            self.account_sid,
            status=status,
            friendly_name=friendly_name,
            created_before=created_before,
            created_after=created_after,
            updated_before=updated_before,
            updated_after=updated_after,
            page_size=_page_size(page_size, limit),
        )
        return self.get_conn().iterate(RecordPager(first=first, limit=limit))

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
        """Start a media stream of a conference and return its record.

        The name is treated as the caller's own on that conference, as in :meth:`start_call_stream`.

        :param conference_sid: The conference, which must be in progress.
        :param url: WebSocket that receives the audio, ``wss://…``.
        :param name: The stream's name, unique in its conference.
        :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default).
        :param status_callback: URL that SignalWire reports the stream's events to.
        :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
        :param parameters: Up to 99 custom parameters for the WebSocket server.
        :param authorization_bearer_token: Bearer token for the WebSocket server.
        :param codec: ``PCMU``, ``PCMA``, ``L16``, ``L16@16000h`` or ``L16@24000h``.
        :param real_time: Whether to stream in real time, the API's ``StreamRealTime``.
        """
        request = start_stream(
            CONFERENCE,
            self.account_sid,
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
        start = StreamStart(
            request, account_sid=self.account_sid, parent_sid=conference_sid, name=name, parent=CONFERENCE
        )
        return self.get_conn().run(start.run()).record

    def stop_conference_stream(self, conference_sid: str, stream_sid: str) -> StreamRecord:
        """Request the stop of a conference's stream and return its record, whose status is usually ``queued``.

        Safe to repeat. If the conference has ended, the record is derived from the conference's.

        :param conference_sid: The conference.
        :param stream_sid: The stream's SID or its name.
        """
        return self._stop_stream(CONFERENCE, conference_sid, stream_sid)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection once, as the Test button of Airflow's connection list does. It only reads."""
        try:
            with self._lookup_errors():
                connection = self.get_connection(self._checked_conn_id)
            settings = dataclasses.replace(_load_settings(connection), max_attempts=1)
            self._mask_secrets(settings)
            account_sid = self._account_sid if self._account_sid is not None else settings.project_id
            with SignalWireClient(settings, observer=AIRFLOW_STATS) as client:
                return client.run(check_connection(account_sid, settings.origin))
        except SignalWireError as error:
            return False, str(error)

    def _stop_stream(self, parent: StreamParent, parent_sid: str, stream_sid: str) -> StreamRecord:
        result = self.get_conn().run(stop_stream(self.account_sid, parent_sid, stream_sid, parent=parent))
        AIRFLOW_STATS.on_stream_stopped(result.outcome)
        return cast("StreamRecord", result.record)  # only ignore_if_missing makes it None

    def _send(self, request: ApiRequest[T]) -> T:
        return self.get_conn().run(send(request)).record

    @property
    def _checked_conn_id(self) -> str:
        return validate_text("signalwire_conn_id", self.signalwire_conn_id)

    @contextmanager
    def _lookup_errors(self) -> Iterator[None]:
        """Raise a configuration error for a connection that is missing or cannot be read.

        The original message is not repeated, because it may quote the connection's URI or JSON with its password. An
        Airflow that cannot be reached is not the connection's fault: that error passes through.
        """
        try:
            yield
        except SignalWireError:
            raise  # it names what is wrong
        except AirflowNotFoundException:
            problem = "is not defined. Create it in Airflow under Admin > Connections, or correct signalwire_conn_id"
        except (AirflowException, ValueError, TypeError, KeyError, LookupError) as error:
            problem = f"cannot be read ({type(error).__name__}). Check how it is defined"
        else:
            return
        raise SignalWireConfigurationError(f"The connection {short_repr(self.signalwire_conn_id)} {problem}.")

    @contextmanager
    def _naming_connection(self) -> Iterator[None]:
        try:
            yield
        except SignalWireConfigurationError as error:
            error.add_advice(f"Correct the connection {self.signalwire_conn_id!r}.")
            raise

    @staticmethod
    def _mask_secrets(settings: ClientSettings) -> None:
        for secret in settings.secrets:
            mask_secret(secret)


def _page_size(page_size: int, limit: int | None) -> int:
    """Return how many records to ask for: no more than are wanted."""
    page_size = validate_integer("page_size", page_size, minimum=1, maximum=endpoints.MAX_PAGE_SIZE)
    if limit is None:
        return page_size
    return min(page_size, max(validate_integer("limit", limit, minimum=0, maximum=sys.maxsize), 1))


def _load_settings(connection: Connection) -> ClientSettings:
    if connection.conn_type != SignalWireHook.conn_type:
        raise SignalWireConfigurationError(
            f"The connection has the type {connection.conn_type!r}: expected {SignalWireHook.conn_type!r}."
        )
    return ClientSettings.from_connection_fields(
        host=connection.host,
        schema=connection.schema,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        extra=connection.extra,
    )
