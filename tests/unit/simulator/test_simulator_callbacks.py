"""Status callbacks: what is sent, when, and that nothing waits for them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import http.server
import queue
import threading
from urllib.parse import parse_qsl

import pytest

from airflow_provider_signalwire.simulator.callbacks import is_loopback, signature
from airflow_provider_signalwire.simulator.server import SimulatorServer

SIGNING_KEY = "test-signing-key"


class Receiver(http.server.ThreadingHTTPServer):
    """Takes callbacks in, answering only while its door is open."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/status"
        self.requests: queue.Queue = queue.Queue()
        self.door = threading.Event()
        self.door.set()

    def next(self):
        return self.requests.get(timeout=10)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.requests.put((self.command, self.path, body, self.headers))
        self.server.door.wait(10)
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.door.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def live_simulator():
    """A simulator on the real clock, since its timers run by it."""
    with SimulatorServer(signing_key=SIGNING_KEY, stop_delay_ms=20) as server:
        yield server


@pytest.fixture
def simulator(live_simulator):
    live_simulator.reset()
    return live_simulator


def start(api, call_sid, url, **fields):
    data = {"Url": "wss://media.example.com", "StatusCallback": url, **fields}
    response = api.post(f"/Calls/{call_sid}/Streams", data=data)
    assert response.status_code == 200, response.text
    return response.json()["sid"]


def test_start_and_stop_are_reported_though_nobody_looks(api, simulator, receiver, call_sid):
    sid = start(api, call_sid, receiver.url, Name="grüße & more", Track="inbound_track")
    method, path, body, headers = receiver.next()
    fields = dict(parse_qsl(body, keep_blank_values=True))
    timestamp = datetime.datetime.fromisoformat(fields.pop("Timestamp"))
    assert abs(timestamp - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    assert (method, path) == ("POST", "/status")
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert fields == {
        "AccountSid": simulator.project,
        "CallSid": call_sid,
        "StreamSid": sid,
        "StreamName": "grüße & more",
        "StreamEvent": "stream-started",
        "StreamTrack": "inbound_track",
    }
    api.stop(call_sid, sid)
    assert dict(parse_qsl(receiver.next()[2]))["StreamEvent"] == "stream-stopped"


def test_callbacks_are_signed_over_url_and_sorted_fields(api, receiver, call_sid):
    start(api, call_sid, receiver.url + "?a=b")
    _, _, body, headers = receiver.next()
    fields = parse_qsl(body, keep_blank_values=True)
    signed = f"{receiver.url}?a=b" + "".join(name + value for name, value in sorted(fields))
    expected = base64.b64encode(hmac.digest(SIGNING_KEY.encode(), signed.encode(), hashlib.sha1)).decode()
    assert headers["X-SignalWire-Signature"] == expected


def test_a_signature_is_what_it_always_was():
    assert signature("key", "https://example.com/", {"b": "2", "a": "1"}) == "MbMK5qpVfq6o8t9GkWsAX84lTs4="


@pytest.mark.parametrize("query", ["", "?kept=1"])
def test_a_get_carries_the_fields_in_its_query(api, receiver, call_sid, query):
    sid = start(api, call_sid, receiver.url + query, StatusCallbackMethod="GET")
    method, path, body, headers = receiver.next()
    fields = dict(parse_qsl(path.partition("?")[2]))
    assert (method, body, fields["StreamSid"]) == ("GET", "", sid)
    assert ("kept" in fields) == bool(query)
    url = receiver.url.removesuffix("/status") + path
    assert headers["X-SignalWire-Signature"] == signature(SIGNING_KEY, url, {})


def test_a_call_that_ends_reports_its_streams_stopped_once(api, simulator, receiver, eventually, call_sid):
    simulator.reset(stop_delay_ms=3_600_000)
    call_sid = simulator.seed()[0]["sid"]
    asked, left = (start(api, call_sid, receiver.url, Name=name) for name in ("asked", "left"))
    api.stop(call_sid, asked)
    api.post(f"/Calls/{call_sid}", data={"Status": "completed"})
    events = sorted((fields["StreamSid"], fields["StreamEvent"]) for fields in map(_fields, _take(receiver, 4)))
    assert events == sorted((sid, event) for sid in (asked, left) for event in ("stream-started", "stream-stopped"))
    eventually(lambda: len(simulator.simulation.sent_callbacks) == 4)
    # The stop that was planned for later finds that its stream has been reported.
    simulator.state.clock, real = lambda: 4e9, simulator.state.clock
    try:
        assert simulator.state.take_due_callbacks() == []
        assert simulator.state.seconds_to_next_callback() is None
    finally:
        simulator.state.clock = real


def _take(receiver, count):
    return [receiver.next() for _ in range(count)]


def _fields(request):
    return dict(parse_qsl(request[2]))


def test_a_slow_receiver_holds_no_answer_up_and_gets_events_in_order(api, simulator, receiver, eventually, call_sid):
    receiver.door.clear()
    sid = start(api, call_sid, receiver.url)
    assert _fields(receiver.next())["StreamEvent"] == "stream-started"
    api.stop(call_sid, sid)
    eventually(lambda: api.stop(call_sid, sid).json()["status"] == "stopped")
    with pytest.raises(queue.Empty):
        # The second event must wait for the first to be taken.
        receiver.requests.get(timeout=0.1)
    receiver.door.set()
    assert _fields(receiver.next())["StreamEvent"] == "stream-stopped"
    eventually(lambda: len(simulator.simulation.sent_callbacks) == 2)
    assert simulator.simulation.describe()["callbacks"] == [
        {"url": receiver.url, "stream_sid": sid, "event": event, "outcome": "sent: 204"}
        for event in ("stream-started", "stream-stopped")
    ]


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://example.com/status?secret=1", "not sent: the host is not loopback"),
        ("http://127.0.0.1:9/status", "failed: ClientConnectorError"),
    ],
)
def test_what_cannot_be_sent_is_noted(api, simulator, eventually, call_sid, url, outcome):
    start(api, call_sid, url)
    [note] = eventually(lambda: simulator.simulation.describe()["callbacks"])
    assert (note["outcome"], note["url"]) == (outcome, url.partition("?")[0])


def test_the_end_of_the_simulator_waits_for_no_receiver(make_api, receiver):
    receiver.door.clear()
    with SimulatorServer() as server, make_api(server) as api:
        start(api, server.seed()[0]["sid"], receiver.url)
        receiver.next()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(3)
        assert not stopping.is_alive()
    assert list(server.simulation.sent_callbacks) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("example.com", False),
        (None, False),
    ],
)
def test_loopback_hosts_are_known(host, expected):
    assert is_loopback(host) is expected
