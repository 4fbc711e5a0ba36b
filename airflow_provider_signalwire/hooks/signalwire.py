"""The hook: an Airflow connection becomes a client."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Unpack, cast

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import BaseHook, Connection

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows import stop as flows
from airflow_provider_signalwire.client.flows.check_connection import check_connection
from airflow_provider_signalwire.client.flows.start import start_stream
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.options import (
    CreateCallOptions,
    StartRecordingOptions,
    UpdateCallOptions,
)
from airflow_provider_signalwire.client.protocol.records import AccountRecord, CallRecord, RecordingRecord, StreamRecord
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.metrics import AIRFLOW_STATS


class SignalWireHook(BaseHook):
    """Call SignalWire's `Compatibility API <https://signalwire.com/docs/compatibility-api/rest>`__.

    Every method raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`; what can pass by itself
    has been retried by then, as the connection's extras say.

    :param signalwire_conn_id: The :ref:`connection <connection>` to use.
    :param account_sid: Project ID of a subproject to act in. Default: the project of the connection's login.
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
        """Return how the form shows a connection's standard fields, for Airflow before 3.2."""
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
        """The connection's settings; the connection is looked up once."""
        if self._settings is None:
            self._use(self.get_connection(self.signalwire_conn_id))
            self._mask_secrets()
        return self._settings  # type: ignore[return-value]  # _use has set it

    @property
    def account_sid(self) -> str:
        """The project that is acted in."""
        return self._account_sid if self._account_sid is not None else self.settings.project_id

    def get_conn(self) -> SignalWireClient:
        """Return the synchronous client; it is made once and keeps its connections open between requests."""
        if self._client is None:
            self._client = SignalWireClient(self.settings, observer=AIRFLOW_STATS)
        return self._client

    async def get_async_conn(self) -> SignalWireAsyncClient:
        """Return a new asynchronous client, to be used in an ``async with`` statement."""
        return SignalWireAsyncClient(await self.get_async_settings(), observer=AIRFLOW_STATS)

    async def get_async_settings(self) -> ClientSettings:
        """Return the connection's settings without blocking the event loop; the connection is looked up once."""
        if self._settings is None:
            self._use(await get_async_connection(self.signalwire_conn_id))
            # Masking talks to the supervisor and blocks, so it must not do so on the event loop.
            await asyncio.to_thread(self._mask_secrets)
        return self.settings

    def get_account(self) -> AccountRecord:
        """Return the project's record; the token needs the scope Management."""
        account: AccountRecord = self.get_conn().run(flows.just(endpoints.get_account(self.account_sid)))
        return account

    def stop_call_stream(self, call_sid: str, stream_sid: str) -> StreamRecord:
        """Ask for a media stream's stop and return its record, whose status is usually ``queued``.

        Safe to repeat. If the call has ended, the record is derived from the call's.

        :param call_sid: The call.
        :param stream_sid: The stream's SID or its name.
        """
        record = self.get_conn().run(flows.stop_stream(self.account_sid, call_sid, stream_sid))
        return cast("StreamRecord", record)  # only ignore_if_missing makes it None

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

        :param call_sid: The call, which has to be in progress.
        :param url: WebSocket that gets the audio, ``wss://…``.
        :param name: The stream's name, unique on its call; it can be stopped by it.
        :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default).
        :param status_callback: URL that SignalWire reports the stream's events to.
        :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
        :param parameters: Up to 99 custom parameters for the WebSocket server.
        :param authorization_bearer_token: Bearer token for the WebSocket server.
        """
        return self.get_conn().run(
            start_stream(
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
        )

    def get_call(self, call_sid: str) -> CallRecord:
        """Return a call's record."""
        return self._call_record(endpoints.get_call(self.account_sid, call_sid))

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
        """Iterate over all calls that match every filter given; a page is fetched when it is needed.

        :param status: One of the call statuses, e.g. ``in-progress``.
        :param started_before: Datetime with a time zone, or RFC 2822 text; the other three alike.
        :param page_size: Calls per request, up to 1000.
        :param limit: Stop after that many calls. Default: all.
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
            page_size=page_size,
        )
        return self.get_conn().iterate(flows.CallPager(first=first, limit=limit))

    def create_call(self, to: str, from_: str, **options: Unpack[CreateCallOptions]) -> CallRecord:
        """Make a call and return its record. Never retried if it may have been made."""
        return self._call_record(endpoints.create_call(self.account_sid, to=to, from_=from_, **options))

    def update_call(self, call_sid: str, **options: Unpack[UpdateCallOptions]) -> CallRecord:
        """Change a call in progress, e.g. ``status="completed"`` to hang up; return its record."""
        return self._call_record(endpoints.update_call(self.account_sid, call_sid, **options))

    def delete_call(self, call_sid: str) -> None:
        """Delete the record of an ended call."""
        self.get_conn().run(flows.just(endpoints.delete_call(self.account_sid, call_sid)))

    def start_call_recording(self, call_sid: str, **options: Unpack[StartRecordingOptions]) -> RecordingRecord:
        """Start to record a call and return the recording's record. Never retried if it may have started."""
        request = endpoints.start_call_recording(self.account_sid, call_sid, **options)
        recording: RecordingRecord = self.get_conn().run(flows.just(request))
        return recording

    def update_call_recording(
        self, call_sid: str, recording_sid: str, *, status: str, pause_behavior: str | None = None
    ) -> RecordingRecord:
        """Pause (``paused``), resume (``in-progress``) or stop (``stopped``) a recording; return its record."""
        request = endpoints.update_call_recording(
            self.account_sid, call_sid, recording_sid, status=status, pause_behavior=pause_behavior
        )
        recording: RecordingRecord = self.get_conn().run(flows.just(request))
        return recording

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection once, as the Test button of Airflow's connection list does."""
        try:
            settings = dataclasses.replace(self.settings, max_attempts=1)
            with SignalWireClient(settings, observer=AIRFLOW_STATS) as client:
                return client.run(check_connection(self.account_sid, settings.origin))
        except SignalWireError as error:
            return False, str(error)

    def _call_record(self, request: ApiRequest) -> CallRecord:
        call: CallRecord = self.get_conn().run(flows.just(request))
        return call

    def _use(self, connection: Connection) -> None:
        if connection.conn_type != self.conn_type:
            raise SignalWireConfigurationError(
                f"Connection {self.signalwire_conn_id!r} has the type {connection.conn_type!r}: expected "
                f"{self.conn_type!r}."
            )
        try:
            self._settings = ClientSettings.from_connection_fields(
                host=connection.host,
                schema=connection.schema,
                port=connection.port,
                login=connection.login,
                password=connection.password,
                extra=connection.extra,
            )
        except SignalWireConfigurationError as error:
            error.add_advice(f"Correct the connection {self.signalwire_conn_id!r}.")
            raise

    def _mask_secrets(self) -> None:
        for secret in self.settings.secrets:
            mask_secret(secret)
