"""What became of a stop, and the one log line that tells it."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

from airflow_provider_signalwire.client.policy.observer import Delivery
from airflow_provider_signalwire.client.protocol.records import StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers

log = logging.getLogger(__name__)

HowStopped = Literal["stopped", "already_ended", "missing"]


class StopResult(NamedTuple):
    """What became of a stop.

    :param record: The stream's record, if there is one.
    :param how: Why it is the one it is.
    :param delivery: How the request for the stop was sent.
    """

    record: StreamRecord | None
    how: HowStopped
    delivery: Delivery

    def tell(self) -> None:
        """Let the observer of the client that asked for the stop know."""
        self.delivery.observer.stream_stopped(self.how)

    def log(self, level: int, call_sid: str, stream_sid: str) -> None:
        """Log it, in one line.

        :param call_sid: The call that was asked for.
        :param stream_sid: The stream that was asked for, by SID or by name.
        """
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "Stream %s on call %r is %s (attempts %d, %.0f ms, request id %s).",
            mask_phone_numbers(repr(stream_sid)),
            call_sid,
            self._status,
            self.delivery.attempts,
            self.delivery.seconds * 1000,
            self.delivery.request_id or "unknown",
        )

    @property
    def _status(self) -> str:
        if self.record is None:
            return "missing, which is no error here"
        ended = ": its call has ended" if self.how == "already_ended" else ""
        return f"{self.record['status']!r}{ended}"
