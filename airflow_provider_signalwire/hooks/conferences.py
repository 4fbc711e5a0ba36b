"""What the hook does with conferences."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import date

from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import ConferenceRecord, StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.client.protocol.validation import validate_integer
from airflow_provider_signalwire.hooks.connection import ConnectionHook


class ConferenceMethods(ConnectionHook):
    """The part of a :class:`.SignalWireHook` that is about conferences."""

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
            page_size=page_size_within(page_size, limit),
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
        """Request the stop of a conference's stream and return its record, whose status is usually ``queued``.

        Safe to repeat. If the conference has ended, the record is derived from the conference's.

        :param conference_sid: The conference.
        :param stream_sid: The stream's SID or its name.
        """
        return self._stop_stream(CONFERENCE, conference_sid, stream_sid)


def page_size_within(page_size: int, limit: int | None) -> int:
    """Return how many records to ask for: no more than are wanted."""
    page_size = validate_integer("page_size", page_size, minimum=1, maximum=endpoints.MAX_PAGE_SIZE)
    if limit is None:
        return page_size
    return min(page_size, max(validate_integer("limit", limit, minimum=0, maximum=sys.maxsize), 1))
