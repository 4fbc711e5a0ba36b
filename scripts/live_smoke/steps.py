"""The steps of the smoke test, which run against SignalWire and against the simulator."""

from __future__ import annotations

import dataclasses
import uuid

from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import CALL_ENDED_STATUSES
from live_smoke.probe import Probe, Record

UNKNOWN_SID = "00000000-0000-4000-8000-000000000000"
WRONG_TOKEN = "wrong-token"  # noqa: S105  # not a secret
RING_SECONDS = 30
ANSWER_SECONDS = 60
EFFECT_SECONDS = 15
# Long enough for the steps; ends the call if they are killed.
LAML = '<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="120"/></Response>'


class CannotContinueError(Exception):
    """A step did not create what the next steps need."""


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class NewCall:
    """A call to place.

    :param to: Number to call.
    :param from_: Number of the Space to call from.
    """

    to: str
    from_: str


def free_steps(probe: Probe) -> None:
    """Send requests that only read or are refused, so that they cost nothing."""
    account_sid = probe.account_sid
    probe.observe("list calls", endpoints.list_calls(account_sid, page_size=1))
    probe.with_token(WRONG_TOKEN).observe("wrong token", endpoints.list_calls(account_sid, page_size=1))
    probe.observe("read an unknown call", endpoints.get_call(account_sid, UNKNOWN_SID))
    stop = endpoints.stop_call_stream(account_sid, UNKNOWN_SID, UNKNOWN_SID)
    probe.observe("stop a stream of an unknown call", stop)


def read_call(probe: Probe, call_sid: str, *, seconds: float = 0) -> None:
    """Read the call.

    :param seconds: Maximum time to wait until it is in progress.
    :raises CannotContinueError: if it is not in progress.
    """
    answered = CALL_ENDED_STATUSES | {"in-progress"}
    call = probe.observe(
        "read the call",
        endpoints.get_call(probe.account_sid, call_sid),
        until=lambda call: call.get("status") in answered,
        seconds=seconds,
    )
    if call.get("status") != "in-progress":
        raise CannotContinueError("the call is not in progress")


class StreamSteps:
    """The steps that start streams on a call and end that call.

    :param probe: Sends the requests.
    :param call: SID of a call in progress, or the call to place.
    :param url: URL of the WebSocket server that receives the audio.
    """

    def __init__(self, probe: Probe, call: str | NewCall, url: str) -> None:
        self.left_running: list[str] = []
        self._probe = probe
        self._call = call
        self._url = url
        self._call_sid = call if isinstance(call, str) else ""
        self._names = [f"smoke-test-{uuid.uuid4().hex[:8]}-{number}" for number in range(4)]
        self._running: dict[str, str] = {}  # step -> SID or name of a stream that may be running

    def run(self) -> None:
        """Run the steps; stop the streams and the call even if interrupted.

        :raises CannotContinueError: if a step did not create what the next steps need.
        """
        try:
            if isinstance(self._call, NewCall):
                self._place_call(self._call)
            read_call(self._probe, self._call_sid, seconds=ANSWER_SECONDS)
            self._stop_streams()
            self._end_call()
        finally:
            self._clean_up()

    def _place_call(self, new: NewCall) -> None:
        request = endpoints.create_call(self._probe.account_sid, to=new.to, from_=new.from_, timeout=RING_SECONDS)
        self.left_running = ["the new call"]
        call = self._probe.observe("create a call", dataclasses.replace(request, form=(*request.form, ("Laml", LAML))))
        if self._probe.was_refused("create a call"):
            self.left_running = []
        if not call.get("sid"):
            raise CannotContinueError("no call was created")
        self._call_sid = call["sid"]

    def _stop_streams(self) -> None:
        invalid, first, second, _ = self._names
        self._start("start with an invalid URL", invalid, url="https://example.com/")
        stream_sid = self._start("start a stream", first)
        self._start("start with a name in use", first)
        self._stop("stop an unknown stream", UNKNOWN_SID)
        self._stop("set another status", stream_sid, status="paused")
        self._stop("stop by SID", stream_sid)
        repeated = self._stop("repeat the stop", stream_sid, seconds=EFFECT_SECONDS)
        if repeated.get("status") == "stopped":
            del self._running["start a stream"]
        self._start("start a second stream", second)
        if self._stop("stop by name", second):
            del self._running["start a second stream"]

    def _end_call(self) -> None:
        name = self._names[3]
        stream_sid = self._start("start a third stream", name)
        account_sid, call_sid = self._probe.account_sid, self._call_sid
        self._probe.observe("hang up", endpoints.update_call(account_sid, call_sid, status="completed"))
        call = self._probe.observe(
            "read the ended call",
            endpoints.get_call(account_sid, call_sid),
            until=lambda call: call.get("status") in CALL_ENDED_STATUSES,
            seconds=EFFECT_SECONDS,
        )
        if call.get("status") not in CALL_ENDED_STATUSES:
            raise CannotContinueError("the call has not ended")
        self._stop("stop after the call's end", stream_sid)
        self._start("start after the call's end", name)
        self._running, self._call_sid, self.left_running = {}, "", []

    def _start(self, step: str, name: str, *, url: str | None = None) -> str:
        """Start a stream and return its SID, or its name if the response has no SID."""
        request = endpoints.start_call_stream(self._probe.account_sid, self._call_sid, url=self._url, name=name)
        if url is not None:
            request = dataclasses.replace(request, form=(("Url", url), ("Name", name)))
        self._running[step] = name
        stream = self._probe.observe(step, request)
        stream_sid: str = stream.get("sid") or name
        self._running[step] = stream_sid
        if self._probe.was_refused(step):
            del self._running[step]
        return stream_sid

    def _stop(self, step: str, stream_sid: str, *, status: str = "stopped", seconds: float = 0) -> Record:
        request = endpoints.stop_call_stream(self._probe.account_sid, self._call_sid, stream_sid)
        return self._probe.observe(
            step,
            dataclasses.replace(request, form=(("Status", status),)),
            until=lambda stream: stream.get("status") == "stopped",
            seconds=seconds,
        )

    def _clean_up(self) -> None:
        """Stop the streams that may be running, and hang up the call if this placed it."""
        account_sid, call_sid = self._probe.account_sid, self._call_sid
        for step, stream_sid in self._running.items():
            if not self._probe.send(endpoints.stop_call_stream(account_sid, call_sid, stream_sid)):
                self.left_running.append(f"the stream of the step '{step}'")
        if (
            isinstance(self._call, NewCall)
            and call_sid
            and self._probe.send(endpoints.update_call(account_sid, call_sid, status="completed"))
        ):
            self.left_running = []
