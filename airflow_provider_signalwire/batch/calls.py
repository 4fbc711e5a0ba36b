"""Which calls a cleanup looks at: those in progress that started before a cutoff."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.batch.background_loop import BackgroundLoop
from airflow_provider_signalwire.batch.observer import QueuedObserver
from airflow_provider_signalwire.client.protocol.filters import parse_datetime
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.config.settings import ClientSettings
    from airflow_provider_signalwire.client.protocol.records import CallRecord

log = logging.getLogger(__name__)

_MAX_SKIPPED_LOGGED = 10


def call_listing(
    settings: ClientSettings, account_sid: str, *, cutoff: datetime, filters: Mapping[str, Any]
) -> BackgroundLoop[list[str]]:
    """Return a loop that returns the SIDs of the calls.

    :param settings: The connection.
    :param account_sid: The project that the calls belong to.
    :param cutoff: Only calls that started before.
    :param filters: Further filters of the listing.
    """
    from airflow_provider_signalwire.client.flows.pages import RecordPager
    from airflow_provider_signalwire.client.protocol import endpoints

    request = endpoints.list_calls(account_sid, status="in-progress", started_before=cutoff, **filters)
    pager = RecordPager(first=request)
    observer = QueuedObserver(AIRFLOW_STATS)

    async def list_calls() -> list[str]:
        from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient

        call_sids, skipped = [], []
        async with SignalWireAsyncClient(settings, observer=observer) as client:
            while not pager.exhausted:
                for call in await client.run(pager.next_page()):
                    started = _read_start(call)
                    if started is None:
                        skipped.append(f"call {call['sid']!r} has the start_time {short_repr(call.get('start_time'))}")
                    # SignalWire filters by time, too. That no younger call is touched must not depend on how it parses
                    # dates.
                    elif started <= cutoff:
                        call_sids.append(call["sid"])
        if skipped:
            first = "; ".join(skipped[:_MAX_SKIPPED_LOGGED])
            log.warning("Skipped %d unreadable calls in the listing: %s.", len(skipped), first)
        return call_sids

    return BackgroundLoop(list_calls, on_tick=observer.pass_on)


def _read_start(call: CallRecord) -> datetime | None:
    started = parse_datetime(str(call.get("start_time")))
    return started.replace(tzinfo=UTC) if started and not started.tzinfo else started
