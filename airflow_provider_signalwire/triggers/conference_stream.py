"""Wait in the triggerer for a media stream of a conference to stop."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.triggers.stream import StreamStoppedTrigger


@dataclass(kw_only=True, eq=False, repr=False)
class ConferenceStreamStoppedTrigger(StreamStoppedTrigger):
    """Repeat the stop of a conference's stream until it has stopped.

    :param conference_sid: The conference. The other parameters are those of :class:`.StreamStoppedTrigger`.
    """

    parent = CONFERENCE

    conference_sid: str
