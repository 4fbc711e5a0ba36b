"""Status callbacks of streams: which are due when, and what they say."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import heapq
import hmac
import ipaddress
import itertools
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.entities import Stream

STARTED = "stream-started"
STOPPED = "stream-stopped"


@dataclasses.dataclass(frozen=True, slots=True)
class Callback:
    """One request to the URL a stream's starter named."""

    method: str
    url: str
    fields: dict[str, str]

    def target(self) -> str:
        """Return the URL to request, which carries the fields when the method is GET."""
        if self.method == "POST":
            return self.url
        return f"{self.url}{'&' if urlsplit(self.url).query else '?'}{urlencode(self.fields)}"

    def form(self) -> dict[str, str]:
        """Return the form to send, empty when the method is GET."""
        return self.fields if self.method == "POST" else {}


class CallbackSchedule:
    """The callbacks still to be sent, soonest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str, Stream]] = []
        self._numbers = itertools.count()

    def add(self, due: float, event: str, stream: Stream) -> None:
        """Plan a callback, if the stream has anywhere to send it."""
        if stream.callback_url:
            heapq.heappush(self._heap, (due, next(self._numbers), event, stream))

    def next_due(self) -> float | None:
        """Return when the next callback is due, or None if there is none."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> list[Callback]:
        """Take out the callbacks whose time has come."""
        callbacks = []
        while self._heap and self._heap[0][0] <= now:
            due, _, event, stream = heapq.heappop(self._heap)
            if event == STOPPED:
                # A stream whose call ends before its stop took effect stands here twice.
                if stream.stop_announced:
                    continue
                stream.stop_announced = True
            callbacks.append(Callback(stream.callback_method, stream.callback_url, _fields(stream, event, due)))
        return callbacks


def _fields(stream: Stream, event: str, moment: float) -> dict[str, str]:
    return {
        "AccountSid": stream.call.account_sid,
        "CallSid": stream.call.sid,
        "StreamSid": stream.sid,
        "StreamName": stream.name,
        "StreamEvent": event,
        "StreamTrack": stream.track,
        "Timestamp": datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds"),
    }


def signature(key: str, url: str, form: dict[str, str]) -> str:
    """Sign a callback as SignalWire does.

    :param key: the project's signing key
    :param url: the URL requested, with its query
    :param form: the form sent with it
    """
    signed = url + "".join(name + form[name] for name in sorted(form))
    # SHA-1 is what the vendor signs with.
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
