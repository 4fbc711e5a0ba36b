"""Status callbacks of streams: their content and delivery."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import datetime
import hashlib
import hmac
import ipaddress
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from pydantic.alias_generators import to_pascal
from yarl import URL

from airflow_provider_signalwire.simulator.resources import Stream

_MAX_DELIVERIES = 3
_PAUSE = 0.1  # seconds between two deliveries
_MAX_PENDING = 10_000
_MAX_SENT = 1000
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=5)
_NODE_ID = str(uuid.uuid4())


class CallbackSender:
    """Sends the status callbacks of streams in the background."""

    def __init__(self) -> None:
        self.sent: collections.deque[dict[str, Any]] = collections.deque(maxlen=_MAX_SENT)  # with their outcomes
        self.pending: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send callbacks while the simulator serves."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as self._session:
            self._loop = asyncio.get_running_loop()
            yield
            self._loop = None

    def run_in_loop(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the event loop, from any thread; before and after it, nothing is in flight."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *args)

    def plan(self, stream: Stream, event: str, due: float, delay: float, key: str) -> None:
        """Send a callback that reports the time ``due``, after a delay; call it in the event loop."""
        if len(self.pending) >= _MAX_PENDING:
            self._note(stream, event, 0, "lost: too many callbacks are pending")
            return
        task = asyncio.create_task(self._run(stream, event, due, delay, key))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    async def _run(self, stream: Stream, event: str, due: float, delay: float, key: str) -> None:
        await asyncio.sleep(delay)
        if delay and stream.stopped_at != due:
            return  # the call ended before the stop took effect, which another callback has reported
        previous, stream.last_callback = stream.last_callback, asyncio.current_task()
        if previous is not None:
            await asyncio.wait([previous])
        if not is_loopback(urlsplit(stream.callback_url).hostname):
            self._note(stream, event, 0, "not sent: the host is not loopback")
            return
        request = _request(stream, event, due, key)
        for delivery in range(1, _MAX_DELIVERIES + 1):
            try:
                async with self._session.request(stream.callback_method, **request, allow_redirects=False) as response:
                    status, outcome = response.status, f"sent: {response.status}"
            except Exception as error:  # the receiver may cause any error
                status, outcome = 599, f"failed: {type(error).__name__}"
            if status < 500 or delivery == _MAX_DELIVERIES:
                self._note(stream, event, delivery, outcome)
                return
            await asyncio.sleep(_PAUSE)

    def _note(self, stream: Stream, event: str, deliveries: int, outcome: str) -> None:
        url = stream.callback_url.partition("?")[0]
        note = {"url": url, "stream_sid": stream.sid, "event": event, "outcome": outcome, "deliveries": deliveries}
        self.sent.append(note)


def _request(stream: Stream, event: str, moment: float, key: str) -> dict[str, Any]:
    """Return the URL, the body and the headers of a callback."""
    url = stream.callback_url
    if stream.parent_key == "call_id":
        return {"url": URL(url, encoded=True), "json": _native_body(stream, event, moment)}  # not documented as signed
    form = {
        "AccountSid": stream.account_sid,
        to_pascal(stream.parent_key): stream.parent_sid,
        "StreamSid": stream.sid,
        "StreamName": stream.name or stream.sid,
        "StreamEvent": event,
        "StreamTrack": stream.track,
        "Timestamp": datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds"),
        "Unique-ID": str(uuid.uuid4()),
    }
    if stream.callback_method == "GET":
        url, form = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(form)}", {}
    headers = dict.fromkeys(("X-SignalWire-Signature", "X-Twilio-Signature"), signature(key, url, form))
    # The URL requested must be the one signed: it is encoded already.
    return {"url": URL(url, encoded=True), "data": form or None, "headers": headers}


def _native_body(stream: Stream, event: str, moment: float) -> dict[str, Any]:
    return {
        "event_type": "calling.call.stream",
        "event_channel": f"swml:{_NODE_ID}",
        "timestamp": moment,
        "project_id": stream.account_sid,
        "space_id": _NODE_ID,
        "params": {
            "call_id": stream.parent_sid,
            "node_id": _NODE_ID,
            "segment_id": stream.parent_sid,
            "control_id": stream.sid,
            "state": "streaming" if event == "stream-started" else "finished",
            "url": stream.url,
            **({"name": stream.name} if stream.name else {}),
        },
    }


def signature(key: str, url: str, form: dict[str, str]) -> str:
    """Sign a callback as SignalWire does: the project's key, the URL requested, and the form sent with it."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    # The vendor signs with SHA-1.
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), hashlib.sha1)).decode()


def is_loopback(host: str | None) -> bool:
    """Return whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
