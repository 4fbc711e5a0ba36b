"""Wait in the triggerer for a media stream to stop."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.client.flows.stop import Flow
from airflow_provider_signalwire.client.flows.wait import wait_until_stream_stopped
from airflow_provider_signalwire.client.protocol.records import StreamRecord
from airflow_provider_signalwire.triggers.base import FlowTrigger


class CallStreamStoppedTrigger(FlowTrigger):
    """Ask for a stream's stop until it has stopped.

    :param stream_sid: The stream's SID or its name.
    :param ignore_if_missing: Whether a stream that is not there counts as stopped, with None as its record.
    """

    def __init__(self, *, stream_sid: str, ignore_if_missing: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream_sid = stream_sid
        self.ignore_if_missing = ignore_if_missing

    def arguments(self) -> dict[str, Any]:
        """Return what to rebuild this trigger from."""
        return {
            **super().arguments(),
            "stream_sid": self.stream_sid,
            "ignore_if_missing": self.ignore_if_missing,
        }

    def flow(self, account_sid: str) -> Flow[StreamRecord | None]:
        """Return the flow that waits."""
        return wait_until_stream_stopped(
            account_sid,
            self.call_sid,
            self.stream_sid,
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            ignore_if_missing=self.ignore_if_missing,
            last_status=self.last_status,
        )
