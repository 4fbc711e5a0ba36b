"""What the triggers that wait for a stream to stop share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_signalwire.client.flows.stop import StopResult
from airflow_provider_signalwire.client.flows.wait import StreamPoller
from airflow_provider_signalwire.hooks.hook_mixin import StreamParentMixin, report_stop
from airflow_provider_signalwire.triggers.base import PollingTrigger
from airflow_provider_signalwire.triggers.events import success_event


@dataclass(kw_only=True, eq=False, repr=False)
class StreamStoppedTrigger(StreamParentMixin, PollingTrigger):
    """Repeat a stream's stop until it has stopped. The other parameters are those of :class:`.PollingTrigger`.

    :param stream_sid: The stream's SID or its name, as the task was given it.
    :param known_sid: The stream's SID, if an accepted stop returned it.
    :param ignore_if_missing: Whether a stream that is not found counts as stopped, with None as its record.
    :param last_status: Status at the last accepted stop before the task was deferred; None if there was none.
    """

    stream_sid: str
    known_sid: str | None = None
    ignore_if_missing: bool = False

    def make_poller(self, account_sid: str) -> StreamPoller:
        """Return what polls the stream."""
        return StreamPoller(
            account_sid,
            self.parent_sid,
            self.known_sid or self.stream_sid,
            ignore_if_missing=self.ignore_if_missing,
            last_status=self.last_status,
            parent=self.parent,
        )

    def make_event(self, result: StopResult) -> dict[str, Any]:
        """Log and count the stop, and return the event with the stream's record."""
        report_stop(result, self.parent_sid, self.stream_sid)
        return success_event(result.record, **{self.parent.id_name: self.parent_sid, "stream_sid": self.stream_sid})
