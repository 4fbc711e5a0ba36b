"""A media stream that runs as long as a ``with`` or ``async with`` block."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any

from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.flows.stop import StopResult
from airflow_provider_signalwire.client.flows.wait import PollSchedule, wait_until
from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.validation import validate_duration
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.connection import ConnectionHook
from airflow_provider_signalwire.hooks.hook_mixin import report_stop
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_INTERRUPTED_SECONDS = 3.0


class CallStreamContext:
    """Starts a stream when the block begins and stops it when the block ends; use it once.

    :param hook: The hook to use.
    :param call_sid: The call.
    :param name: The stream's name. Default: a unique one.
    :param timeout: Seconds or timedelta to wait until the stream has stopped.
    :param options: Further arguments of ``endpoints.start_call_stream``.
    """

    @clears_locals
    def __init__(
        self, hook: ConnectionHook, call_sid: str, *, name: str | None, timeout: float | timedelta, **options: Any
    ) -> None:
        self._hook = hook
        self._call_sid = call_sid
        self._name = name if name is not None else f"airflow-{uuid.uuid4()}"
        self._timeout = validate_duration("timeout", timeout)
        self._options = options
        self._start: StreamStart | None = None

    @clears_locals
    def __enter__(self) -> StreamRecord:
        start = self._make_start()
        try:
            with self._make_client() as client:
                return client.run(start.run()).record
        except SignalWireError:
            raise  # the flow has stopped what it may have started, or the error says so
        except BaseException as error:
            with _adding_note(error, start), self._make_client() as client:
                client.run(start.abandon(seconds=_INTERRUPTED_SECONDS))
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        start = self._started
        with _adding_note(error, start), self._make_client() as client:
            report_stop(client.run(self._stop(start)), self._call_sid, self._name)

    async def __aenter__(self) -> StreamRecord:
        await self._hook.get_async_settings()  # looking the connection up later would block the event loop
        start = self._make_start()
        try:
            async with await self._hook.get_async_conn() as client:
                return (await client.run(start.run())).record
        except SignalWireError:
            raise
        except BaseException as error:
            with _adding_note(error, start):
                async with await self._hook.get_async_conn() as client:
                    await client.run(start.abandon(seconds=_INTERRUPTED_SECONDS))
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        start = self._started
        with _adding_note(error, start):
            async with await self._hook.get_async_conn() as client:
                report_stop(await client.run(self._stop(start)), self._call_sid, self._name)

    @clears_locals
    def _make_start(self) -> StreamStart:
        account_sid = self._hook.account_sid
        request = endpoints.start_call_stream(account_sid, self._call_sid, name=self._name, **self._options)
        self._start = StreamStart(request, account_sid=account_sid, parent_sid=self._call_sid, name=self._name)
        return self._start

    def _make_client(self) -> SignalWireClient:
        return SignalWireClient(self._hook.settings, observer=AIRFLOW_STATS)

    @property
    def _started(self) -> StreamStart:
        assert self._start is not None  # noqa: S101 - a block ends after it has begun
        return self._start

    def _stop(self, start: StreamStart) -> Flow[StopResult]:
        deadline = time.monotonic() + self._timeout
        return wait_until(start.make_poller(), PollSchedule(poll_interval=_POLL_SECONDS, deadline=deadline))


@contextmanager
def _adding_note(error: BaseException | None, start: StreamStart) -> Iterator[None]:
    """Raise the error of a stop, or add it to the error that ended the block: that one must stay visible.

    :param error: The error that ended the block, if there is one.
    :param start: The start.
    """
    try:
        yield
    except SignalWireError as failure:
        if error is None:
            failure.add_advice(start.warning())
            raise
        problem = f"{start.warning()} The attempt to stop it failed: {failure}"
        log.error("%s", problem)
        error.add_note(problem)
