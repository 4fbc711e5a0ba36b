"""Read a list of calls or conferences page by page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from airflow_provider_signalwire.client.policy.steps import Flow, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import RecordPage
from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import SignalWireResponseError

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(kw_only=True, repr=False)  # the addresses may hold telephone numbers
class RecordPager(Generic[T]):
    """Position in a list, page by page.

    :param first: The request for the first page.
    :param limit: Maximum number of records to return; None means all.
    """

    first: ApiRequest[RecordPage[T]]
    limit: int | None = None
    _next: ApiRequest[RecordPage[T]] | None = field(init=False)
    _seen: set[str] = field(init=False, default_factory=set)
    _returned: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._next = self.first if self.limit is None or self.limit > 0 else None

    @property
    def exhausted(self) -> bool:
        """Whether there is no further page."""
        return self._next is None

    def next_page(self) -> Flow[list[T]]:
        """Fetch a page and return its records; an entry that is not one is logged and skipped.

        :raises SignalWireResponseError: if a page names an earlier one as the next.
        """
        if self._next is None:
            return []
        request = self._next
        self._seen.add(request.target)
        page = (yield from send(request)).record
        self._next = self._request_after(request, page)
        records = list(_valid_records(page))
        if self.limit is not None:
            records = records[: self.limit - self._returned]
            self._returned += len(records)
            if self._returned >= self.limit:
                self._next = None
        return records

    def _request_after(
        self, request: ApiRequest[RecordPage[T]], page: RecordPage[T]
    ) -> ApiRequest[RecordPage[T]] | None:
        uri = page.next_page_uri
        if not uri:
            return None
        following = endpoints.next_page(request, uri)
        if following.target in self._seen:
            raise SignalWireResponseError(
                f"Could not list {page.noun}s: the pages repeat: a page names an earlier one as the next.",
                http_status=200,
            )
        return following


def _valid_records(page: RecordPage[T]) -> Iterator[T]:
    for entry in page.entries:
        try:
            yield page.read_entry(entry)
        except ValueError as error:
            sid = entry.get("sid") if isinstance(entry, Mapping) else None
            log.warning("Skipped %s %s in the list: the entry %s.", page.noun, short_repr(sid, limit=60), error)
