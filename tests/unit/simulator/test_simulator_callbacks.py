"""Status callbacks: what they contain, when they are sent, and that no response waits for them."""

from __future__ import annotations

import base64
import datetime
import email
import hashlib
import hmac
import json
import queue
import threading
from urllib.parse import parse_qsl

import pytest
from raw_server import RawServer, read_request

from airflow_provider_signalwire.simulator import SimulatorServer, callbacks
from airflow_provider_signalwire.simulator.callbacks import signature

SIGNING_KEY = "test-signing-key"


class Receiver(RawServer):
    """Receives callbacks; it responds with the next of its statuses, and only while it is open."""

    def __init__(self) -> None:
        super().__init__(self.respond)
        self.url = f"{self.origin}/status"
        self.received: queue.Queue[bytes] = queue.Queue()
        self.statuses: list[int] = []
        self.is_open = threading.Event()
        self.is_open.set()

    def respond(self, connection):
        self.received.put(read_request(connection))
        self.is_open.wait(10)
        status = self.statuses.pop(0) if self.statuses else 204
        connection.sendall(f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def next(self):
        """Return the method, the path, the body and the headers of the next request."""
        head, _, body = self.received.get(timeout=10).decode().partition("\r\n\r\n")
        line, _, headers = head.partition("\r\n")
        return *line.split()[:2], body, email.message_from_string(headers)

    def next_fields(self):
        return dict(parse_qsl(self.next()[2], keep_blank_values=True))


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server
        server.is_open.set()


@pytest.fixture(scope="module")
def live_simulator():
    """A simulator on the real clock, since its timers run by it."""
    with SimulatorServer(signing_key=SIGNING_KEY, stop_delay_ms=20) as server:
        yield server


@pytest.fixture
def simulator(live_simulator):
    live_simulator.reset()
    return live_simulator


def start(api, call_sid, url, *, kind="Call", **fields):
    data = {"Url": "wss://media.example.com", "StatusCallback": url, **fields}
    response = api.post(f"/{kind}s/{call_sid}/Streams", data=data)
    assert response.status_code == 200, response.text
    return response.json()["sid"]


@pytest.mark.parametrize("kind", ["Call", "Conference"])
def test_start_and_stop_are_reported(api, simulator, receiver, kind):
    [parent] = (simulator.seed if kind == "Call" else simulator.seed_conferences)()
    sid = start(api, parent["sid"], receiver.url, kind=kind, Name="grüße & more", Track="inbound_track")
    method, path, body, headers = receiver.next()
    fields = dict(parse_qsl(body, keep_blank_values=True))
    signed = receiver.url + "".join(name + value for name, value in sorted(fields.items()))
    expected = base64.b64encode(hmac.digest(SIGNING_KEY.encode(), signed.encode(), hashlib.sha1)).decode()
    assert headers["X-SignalWire-Signature"] == headers["X-Twilio-Signature"] == expected
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    timestamp = datetime.datetime.fromisoformat(fields.pop("Timestamp"))
    assert abs(timestamp - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    assert len(fields.pop("Unique-ID")) == 36
    assert (method, path) == ("POST", "/status")
    assert fields == {
        "AccountSid": simulator.project,
        f"{kind}Sid": parent["sid"],
        "StreamSid": sid,
        "StreamName": "grüße & more",
        "StreamEvent": "stream-started",
        "StreamTrack": "inbound_track",
    }
    api.post(f"/{kind}s/{parent['sid']}/Streams/{sid}", data={"Status": "stopped"})
    assert receiver.next_fields()["StreamEvent"] == "stream-stopped"


def test_native_stream_is_reported_as_json(api, simulator, receiver):
    [call] = simulator.seed_native_calls()
    params = {"control_id": "control-1", "url": "wss://media.example.com", "status_url": receiver.url, "name": "bot"}
    for command, sent in (("calling.stream", params), ("calling.stream.stop", {"control_id": "control-1"})):
        api.post(f"{simulator.url}/api/calling/calls", json={"command": command, "id": call["sid"], "params": sent})
    started, finished = (json.loads(receiver.next()[2]) for _ in range(2))
    assert (started["event_type"], started["project_id"]) == ("calling.call.stream", simulator.project)
    expected = {"call_id": call["sid"], "control_id": "control-1", "url": params["url"], "name": "bot"}
    assert started["params"].items() >= {**expected, "state": "streaming"}.items()
    assert finished["params"] == {**started["params"], "state": "finished"}


@pytest.mark.parametrize("query", ["", "?kept=1"])
def test_get_has_the_fields_in_its_query(api, receiver, call_sid, query):
    sid = start(api, call_sid, receiver.url + query, StatusCallbackMethod="GET")
    method, path, body, headers = receiver.next()
    fields = dict(parse_qsl(path.partition("?")[2]))
    assert (method, body, fields["StreamSid"], "kept" in fields) == ("GET", "", sid, bool(query))
    assert fields["StreamName"] == sid, "the stream has no name"
    assert headers["X-SignalWire-Signature"] == signature(SIGNING_KEY, receiver.url.removesuffix("/status") + path, {})


def test_end_of_call_reports_each_stream_once(api, simulator, receiver, eventually):
    simulator.reset(stop_delay_ms=200)
    call_sid = simulator.seed()[0]["sid"]
    requested, running = (start(api, call_sid, receiver.url, Name=name) for name in ("requested", "running"))
    api.stop(call_sid, requested)
    api.post(f"/Calls/{call_sid}", data={"Status": "completed"})
    received = [receiver.next_fields() for _ in range(4)]
    assert sorted((fields["StreamSid"], fields["StreamEvent"]) for fields in received) == sorted(
        (sid, event) for sid in (requested, running) for event in ("stream-started", "stream-stopped")
    )
    # The stop that was planned for later finds its stream reported.
    eventually(lambda: not simulator.state.callbacks.pending)
    assert receiver.received.empty()


def test_slow_receiver_delays_no_response_and_gets_events_in_order(api, simulator, receiver, eventually, call_sid):
    receiver.is_open.clear()
    sid = start(api, call_sid, receiver.url)
    assert receiver.next_fields()["StreamEvent"] == "stream-started"
    api.stop(call_sid, sid)
    eventually(lambda: api.stop(call_sid, sid).json()["status"] == "stopped")
    assert receiver.received.empty(), "the second event must wait for the first"
    receiver.is_open.set()
    assert receiver.next_fields()["StreamEvent"] == "stream-stopped"
    eventually(lambda: len(simulator.state.callbacks.sent) == 2)
    assert api.get(f"{simulator.url}/_simulator/state").json()["callbacks"] == [
        {"url": receiver.url, "stream_sid": sid, "event": event, "outcome": "sent: 204", "deliveries": 1}
        for event in ("stream-started", "stream-stopped")
    ]


@pytest.mark.parametrize(
    ("statuses", "deliveries", "outcome"),
    [([503, 502], 3, "sent: 204"), ([500, 500, 503], 3, "sent: 503"), ([404], 1, "sent: 404")],
)
def test_failed_delivery_is_repeated_twice(
    api, simulator, receiver, eventually, call_sid, statuses, deliveries, outcome
):
    receiver.statuses = statuses
    start(api, call_sid, receiver.url)
    received = {receiver.next_fields()["Unique-ID"] for _ in range(deliveries)}
    [note] = eventually(lambda: list(simulator.state.callbacks.sent))
    assert (len(received), note["deliveries"], note["outcome"]) == (1, deliveries, outcome)
    assert receiver.received.empty()


@pytest.mark.parametrize(
    ("url", "outcome", "deliveries", "max_pending"),
    [
        ("http://example.com/status?secret=1", "not sent: the host is not loopback", 0, 10),
        ("http://127.0.0.1:9/status", "failed: ClientConnectorError", 3, 10),
        ("http://127.0.0.1:9/status", "lost: too many callbacks are pending", 0, 0),
    ],
)
def test_unsent_callback_is_noted(
    api, simulator, eventually, call_sid, monkeypatch, url, outcome, deliveries, max_pending
):
    monkeypatch.setattr(callbacks, "_MAX_PENDING", max_pending)
    start(api, call_sid, url)
    [note] = eventually(lambda: list(simulator.state.callbacks.sent))
    assert (note["outcome"], note["url"], note["deliveries"]) == (outcome, url.partition("?")[0], deliveries)


def test_reset_ends_pending_callbacks(api, simulator, receiver, eventually, call_sid):
    receiver.is_open.clear()
    simulator.reset(stop_delay_ms=3_600_000)
    call_sid = simulator.seed()[0]["sid"]
    sid = start(api, call_sid, receiver.url)
    api.stop(call_sid, sid)
    receiver.next()
    simulator.reset()
    eventually(lambda: not simulator.state.callbacks.pending)
    assert not simulator.state.callbacks.sent
