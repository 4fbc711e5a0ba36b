"""Calls of the native engine, and the record that its commands return of them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Literal, get_args

from airflow_provider_signalwire.simulator.resources import Record, Resource

NativeCallStatus = Literal[
    "queued", "initiated", "created", "ringing", "answered", "ending", "ended", "failed", "canceled", "completed"
]


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class NativeCall(Resource):
    """A call that is not in the Compatibility API. The SID of one of its streams is its control id."""

    kind = "native call"
    sid_key = "call_id"
    running_status = "answered"
    ended_statuses = get_args(NativeCallStatus)[-4:]

    to: str
    from_: str

    def record(self, now: float) -> Record:
        """Return the call's record."""
        created_at = datetime.datetime.fromtimestamp(int(self.created_at), datetime.UTC)
        return {
            "id": self.sid,
            "from": self.from_,
            "to": self.to,
            "direction": "outbound-api",
            "source": "realtime_api",
            "url": None,
            "charge": 0.0,
            "created_at": created_at.isoformat().replace("+00:00", "Z"),
            "charge_details": [],
            "status": self.status(now),
            **dict.fromkeys(("duration", "duration_ms", "billing_ms", "parent_id")),
            "type": "relay_pstn_call",
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the call."""
        return {**Resource.summary(self, now), "to": self.to, "from": self.from_}
