"""Which calls a cleanup looks at: those in progress that started before a cutoff."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.batch.background_loop import BackgroundLoop
from airflow_provider_signalwire.batch.observer import QueuedObserver
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.validation import parse_datetime
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.config.settings import ClientSettings
    from airflow_provider_signalwire.client.protocol.records import CallRecord

log = logging.getLogger(__name__)

_MAX_METRICS_SECONDS = 0.1
_MAX_SKIPPED_LOGGED = 10


class CallListing:
    """Lists the calls in a background event loop, so that it can be cancelled at any time.

    :param settings: The connection.
    :param account_sid: The project that the calls belong to.
    :param cutoff: Only calls that started before.
    :param filters: Further filters of the listing.
    """

    def __init__(
        self, settings: ClientSettings, account_sid: str, *, cutoff: datetime, filters: Mapping[str, Any]
    ) -> None:
        from airflow_provider_signalwire.client.flows.pages import RecordPager
        from airflow_provider_signalwire.client.protocol import endpoints

        self._settings = settings
        self._cutoff = cutoff
        self._pager = RecordPager(
            first=endpoints.list_calls(account_sid, status="in-progress", started_before=cutoff, **filters)
        )
        self._call_sids: list[str] = []
        self._skipped: list[str] = []
        self._observer = QueuedObserver(AIRFLOW_STATS)
        self._loop = BackgroundLoop(self._list, on_tick=self._pass_metrics_on)

    def run(self) -> list[str]:
        """Return the SIDs of the calls.

        :raises asyncio.CancelledError: if it was cancelled.
        :raises SignalWireError: if the calls cannot be listed.
        """
        self._loop.run()
        if self._skipped:
            log.warning(
                "Skipped %d unreadable calls in the listing: %s.",
                len(self._skipped),
                "; ".join(self._skipped[:_MAX_SKIPPED_LOGGED]),
            )
        return self._call_sids

    def cancel(self) -> None:
        """Stop listing; safe to call at any time, from a signal handler and from another thread."""
        self._loop.cancel()

    async def _list(self) -> None:
        from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

        async with SignalWireAsyncClient(self._settings, observer=self._observer) as client:
            while not self._pager.exhausted:
                for call in await client.run(self._pager.next_page()):
                    self._take(call)

    def _take(self, call: CallRecord) -> None:
        try:
            call_sid, started = _read_call(call)
        except ValueError as error:
            self._skipped.append(str(error))
        else:
            # SignalWire filters by time, too. That no younger call is touched must not depend on how it parses dates.
            if started <= self._cutoff:
                self._call_sids.append(call_sid)

    def _pass_metrics_on(self) -> None:
        self._observer.pass_on(max_seconds=_MAX_METRICS_SECONDS)


def _read_call(call: CallRecord) -> tuple[str, datetime]:
    call_sid = call["sid"]
    start_time = call.get("start_time")
    started = parse_datetime(str(start_time))
    if started is None:
        raise ValueError(f"call {call_sid!r} has the start_time {short_repr(start_time)}")
    return call_sid, started if started.tzinfo else started.replace(tzinfo=UTC)
