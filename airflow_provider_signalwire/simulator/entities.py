"""Calls, streams and recordings: each knows its status at any moment from the times it keeps.

Nothing here ticks. A call is answered, and a stream stopped, when somebody looks after the moment has come.
"""

from __future__ import annotations

import dataclasses

NEVER = float("inf")

ENDED_STATUSES = ("completed", "canceled", "busy", "failed", "no-answer")
CALL_STATUSES = ("queued", "ringing", "in-progress", *ENDED_STATUSES)


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """A call, from queued to ended."""

    sid: str
    account_sid: str
    to: str
    from_: str
    created_at: float
    dialed_at: float
    answered_at: float
    number: int
    parent_call_sid: str | None = None
    ended_at: float | None = None
    end_status: str = ""
    streams: dict[str, Stream] = dataclasses.field(default_factory=dict)
    recordings: dict[str, Recording] = dataclasses.field(default_factory=dict)

    @property
    def order(self) -> tuple[float, int]:
        """Its place among the calls: by creation, and by number among those created at one moment."""
        return self.created_at, self.number

    def status(self, now: float) -> str:
        """Return the call's status at a moment."""
        if self.ended_at is not None:
            return self.end_status
        if now >= self.answered_at:
            return "in-progress"
        return "ringing" if now >= self.dialed_at else "queued"

    def started_at(self, now: float) -> float | None:
        """Return when the call was dialed, or None if it has not been yet."""
        moment = now if self.ended_at is None else self.ended_at
        return self.dialed_at if self.dialed_at <= moment else None

    def updated_at(self, now: float) -> float:
        """Return when the call last changed its status."""
        if self.ended_at is not None:
            return self.ended_at
        return max(moment for moment in (self.created_at, self.dialed_at, self.answered_at) if moment <= now)

    def duration(self) -> int:
        """Return the whole seconds an ended call was talked for; a call that goes on has none yet."""
        if self.ended_at is None or self.ended_at < self.answered_at:
            return 0
        return int(self.ended_at - self.answered_at)

    def end(self, status: str, now: float) -> None:
        """End the call, and with it its streams and recordings."""
        self.ended_at = now
        self.end_status = status
        for stream in self.streams.values():
            if stream.status(now) != "stopped":
                stream.stopped_at = now
        for recording in self.recordings.values():
            if recording.ended_at is None:
                recording.end("completed", now)


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Stream:
    """A media stream of a call."""

    sid: str
    call: Call
    name: str
    url: str
    started_at: float
    track: str = "both_tracks"
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    has_bearer_token: bool = False  # the token itself is nobody's business here
    callback_url: str = ""
    callback_method: str = "POST"
    stop_requested_at: float | None = None
    stopped_at: float | None = None  # lies in the future while the stop is on its way
    stop_announced: bool = False

    def status(self, now: float) -> str:
        """Return the stream's status at a moment."""
        if self.stopped_at is None:
            return "in-progress"
        return "stopped" if now >= self.stopped_at else "queued"

    def updated_at(self, now: float) -> float:
        """Return when the stream last changed its status."""
        if self.stopped_at is not None and now >= self.stopped_at:
            return self.stopped_at
        return self.started_at if self.stop_requested_at is None else self.stop_requested_at


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """A recording of a call."""

    sid: str
    call: Call
    channels: str
    trim: str
    started_at: float
    updated_at: float
    status: str = "in-progress"
    ended_at: float | None = None

    def change(self, status: str, now: float) -> None:
        """Pause or resume the recording, or stop it for good."""
        if status == "stopped":
            self.end(status, now)
        else:
            self.status = status
            self.updated_at = now

    def end(self, status: str, now: float) -> None:
        """End the recording."""
        self.status = status
        self.updated_at = self.ended_at = now
