"""The connection of the hook: an Airflow connection becomes a client, which sends."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook, Connection

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.check_connection import check_connection
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol.endpoints import MAX_PAGE_SIZE
from airflow_provider_signalwire.client.protocol.records import RecordPage, StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import clears_locals, short_repr
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.stream_endpoints import start_stream
from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
from airflow_provider_signalwire.client.protocol.validation import validate_integer, validate_sid, validate_text
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

T = TypeVar("T")


class ConnectionHook(BaseHook):
    """The connection of a :class:`.SignalWireHook`, and its clients. See there for the parameters."""

    conn_name_attr = "signalwire_conn_id"
    default_conn_name = "signalwire_default"
    conn_type = "signalwire"
    hook_name = "SignalWire"

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
        # Imported here, so that a task that uses the synchronous client does not import aiohttp.
        from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

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

    def _send(self, request: ApiRequest[T]) -> T:
        return self.get_conn().run(send(request)).record

    def _iterate(
        self,
        list_records: Callable[..., ApiRequest[RecordPage[T]]],
        *,
        page_size: int,
        limit: int | None,
        **filters: Any,
    ) -> Iterator[T]:
        """Iterate over the records that match. A page is fetched when it is needed; its size is at most the limit."""
        page_size = validate_integer("page_size", page_size, minimum=1, maximum=MAX_PAGE_SIZE)
        if limit is not None:
            page_size = min(page_size, max(validate_integer("limit", limit, minimum=0, maximum=sys.maxsize), 1))
        first = list_records(self.account_sid, page_size=page_size, **filters)
        return self.get_conn().iterate(RecordPager(first=first, limit=limit))

    @clears_locals
    def _start_stream(self, parent: StreamParent, parent_sid: str, *, name: str, **options: Any) -> StreamRecord:
        request = start_stream(parent, self.account_sid, parent_sid, name=name, **options)
        start = StreamStart(request, account_sid=self.account_sid, parent_sid=parent_sid, name=name, parent=parent)
        return self.get_conn().run(start.run()).record

    def _stop_stream(self, parent: StreamParent, parent_sid: str, stream_sid: str) -> StreamRecord:
        result = self.get_conn().run(stop_stream(self.account_sid, parent_sid, stream_sid, parent=parent))
        AIRFLOW_STATS.on_stream_stopped(result.outcome)
        return cast("StreamRecord", result.record)  # only ignore_if_missing makes it None

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
            problem = _missing_connection(f"AIRFLOW_CONN_{self.signalwire_conn_id.upper()}")
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


def _missing_connection(variable: str) -> str:
    """Say why there is no connection. Airflow 3 skips an environment variable that it cannot read."""
    if variable in os.environ:
        return f"cannot be read. Correct the environment variable {variable}: expected a connection as JSON or as a URI"
    return (
        "is not defined. Create it in Airflow under Admin > Connections, or correct signalwire_conn_id. "
        f"Outside of a task, set {variable} instead"
    )


def _load_settings(connection: Connection) -> ClientSettings:
    if connection.conn_type != ConnectionHook.conn_type:
        raise SignalWireConfigurationError(
            f"The connection has the type {connection.conn_type!r}: expected {ConnectionHook.conn_type!r}."
        )
    return ClientSettings.from_connection_fields(
        host=connection.host,
        schema=connection.schema,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        extra=connection.extra,
    )
