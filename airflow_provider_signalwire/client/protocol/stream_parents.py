"""The paths of the Compatibility API, and its resources that have media streams: calls and conferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_signalwire.client.protocol.records import (
    CALL_ENDED_STATUSES,
    CALL_LIVE_STATUSES,
    CONFERENCE_ENDED_STATUSES,
    CONFERENCE_LIVE_STATUSES,
    STREAM_STOPPED,
    StreamRecord,
    same_id,
)
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment

API_ROOT = "/api/laml/2010-04-01"


def account_path(account_sid: str) -> str:
    """Return the path of a project."""
    return f"{API_ROOT}/Accounts/{encode_path_segment('account_sid', account_sid)}"


@dataclass(frozen=True)
class StreamParent:
    """A kind of resource that has streams.

    :param noun: Its name in messages.
    :param collection: Its name in paths.
    :param id_name: Name of its SID, in records and among the parameters of operators.
    :param live_statuses: Statuses in which it may have running streams.
    :param ended_statuses: Statuses in which it has none.
    :param ended_at_key: Key of its record that says when it ended.
    :param not_found_advice: What to do if a start gets a 404, where the general advice does not fit.
    """

    noun: str
    collection: str
    id_name: str
    live_statuses: frozenset[str]
    ended_statuses: frozenset[str]
    ended_at_key: str
    not_found_advice: str = ""

    def path(self, account_sid: str, sid: str) -> str:
        """Return the path of one of them."""
        return f"{account_path(account_sid)}/{self.collection}/{encode_path_segment(self.id_name, sid)}"

    def has_ended(self, record: Mapping[str, Any]) -> bool:
        """Return whether the resource has ended, and its streams with it."""
        return record["status"] in self.ended_statuses

    def stream_matches(self, record: StreamRecord, parent_sid: str, stream_sid: str) -> bool:
        """Return whether a record has the ids of the stream asked for.

        :param parent_sid: SID of the call or conference.
        :param stream_sid: The stream's SID or its name.
        """
        is_about_parent = same_id(record.get(self.id_name, parent_sid), parent_sid)
        return is_about_parent and (same_id(record["sid"], stream_sid) or same_id(record.get("name"), stream_sid))

    def stopped_stream(
        self, account_sid: str, parent_sid: str, stream_sid: str, *, ended: Mapping[str, Any] | None = None
    ) -> StreamRecord:
        """Return the record of a stopped stream that SignalWire did not return one for.

        :param ended: Record of the ended call or conference that took its streams with it, if that is why.
        """
        ended_at = (ended or {}).get(self.ended_at_key)
        record = {
            "sid": stream_sid,
            "account_sid": account_sid,
            self.id_name: parent_sid,
            "name": None,
            "status": STREAM_STOPPED,
            "date_updated": ended_at if isinstance(ended_at, str) else None,
            "uri": f"{self.path(account_sid, parent_sid)}/Streams/{encode_path_segment('stream_sid', stream_sid)}.json",
        }
        return cast("StreamRecord", record)


CALL = StreamParent(
    noun="call",
    collection="Calls",
    id_name="call_sid",
    live_statuses=CALL_LIVE_STATUSES,
    ended_statuses=CALL_ENDED_STATUSES,
    ended_at_key="end_time",
    not_found_advice="Check the SIDs, and that they belong to the connection's project. If SWML, a Call Flow or RELAY "
    "made the call, use StartCallingStreamOperator.",
)
CONFERENCE = StreamParent(
    noun="conference",
    collection="Conferences",
    id_name="conference_sid",
    live_statuses=CONFERENCE_LIVE_STATUSES,
    ended_statuses=CONFERENCE_ENDED_STATUSES,
    ended_at_key="date_updated",
)
STREAM_PARENTS = {parent.id_name: parent for parent in (CALL, CONFERENCE)}
