"""What the sensors for streams of calls and of conferences share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.hooks.hook_mixin import StreamParentMixin, report_stop
from airflow_provider_signalwire.sensors.base import SignalWireSensor
from airflow_provider_signalwire.triggers.deferral import make_stream_trigger
from airflow_provider_signalwire.triggers.events import stream_record_of

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.flows.wait import StreamPoller
    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.triggers.stream import StreamStoppedTrigger


class StreamStatusSensor(StreamParentMixin, SignalWireSensor):
    """Wait until a media stream has stopped. The parameters are those of :class:`.CallStreamStatusSensor`."""

    template_fields: Sequence[str] = ("stream_sid", "account_sid", "signalwire_conn_id")
    stream_sid: str

    def announce(self) -> None:
        """Say what this sensor does to the stream."""
        self.log.info("This sensor stops the stream that it waits for: SignalWire has no other way to read its status.")

    def make_poller(self, account_sid: str) -> StreamPoller:
        """Return what polls the stream."""
        from airflow_provider_signalwire.client.flows.wait import StreamPoller

        return StreamPoller(account_sid, self.parent_sid, self.stream_sid, parent=self.parent)

    def make_trigger(self, poller: StreamPoller, **arguments: Any) -> StreamStoppedTrigger:
        """Return the trigger that continues the wait."""
        return make_stream_trigger(
            self.parent, self.parent_sid, stream_sid=self.stream_sid, known_sid=poller.stream_sid, **arguments
        )

    def finish(self, result: StopResult) -> StreamRecord | None:
        """Log and count the stop, and return the stream's record."""
        report_stop(result, self.parent_sid, self.stream_sid)
        return result.record

    def record_of(self, event: Any) -> StreamRecord | None:
        """Return the record that an event carries."""
        return stream_record_of(event, self.parent, self.parent_sid, self.stream_sid)
