"""Wait in the triggerer for a media stream of a call to stop."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.triggers.stream import StreamStoppedTrigger


@dataclass(kw_only=True, eq=False, repr=False)
class CallStreamStoppedTrigger(StreamStoppedTrigger):
    """Repeat the stop of a call's stream until it has stopped.

    :param call_sid: The call. The other parameters are those of :class:`.StreamStoppedTrigger`.
    """

    parent = CALL

    call_sid: str
