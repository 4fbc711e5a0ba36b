"""Both clients over real HTTP: they carry out what flows yield, and nothing else reaches a server."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time

import pytest
from raw_server import RawServer
from scripted import stream

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.calls import delete_call, update_call
from airflow_provider_signalwire.client.flows.check_connection import check_connection
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.flows.wait import PollSchedule, StreamPoller, wait_until
from airflow_provider_signalwire.client.policy.rate_limiter import RateLimiter
from airflow_provider_signalwire.client.policy.steps import Pause, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireResponseError,
    SignalWireServerError,
)

FAULTS = {
    "429": ({"kind": "status", "status": 429}, SignalWireRateLimitError),
    "502": ({"kind": "html", "status": 502}, SignalWireServerError),
    "reset before": ({"kind": "reset"}, SignalWireConnectionError),
    "reset after": ({"kind": "reset", "when": "after"}, SignalWireConnectionError),
    "hang": ({"kind": "hang"}, SignalWireConnectionError),
    "truncated": ({"kind": "truncate"}, SignalWireResponseError),
}


def methods(simulator):
    return [request["method"] for request in simulator.requests()]


@pytest.mark.parametrize(("fault", "error_class"), FAULTS.values(), ids=FAULTS)
def test_transient_fault_is_retried(run, simulator, target, clock, fault, error_class):
    timeout = 0.3 if fault["kind"] == "hang" else 10
    simulator.set_faults([fault])
    assert run(stop_stream(*target.ids), timeout=timeout).record["status"] == "stopped"
    assert (len(simulator.requests()), len(clock.waits)) == (2, 1)
    simulator.set_faults([fault])
    with pytest.raises(error_class) as caught:
        run(stop_stream(*target.ids), timeout=timeout, max_attempts=1)
    assert type(caught.value) is error_class


def test_client_counts_retries(settings, simulator, target, clock):
    async def stop():
        async with SignalWireAsyncClient(settings) as client:
            await client.run(stop_stream(*target.ids))
            return client.retries

    simulator.set_faults([{"kind": "status", "status": 503, "times": 2}])
    assert asyncio.run(stop()) == 2


def test_wrong_token_is_refused_once(run, simulator, target):
    with pytest.raises(SignalWireAuthenticationError, match="code 20003"):
        run(send(endpoints.get_call(*target[:2])), api_token="another")
    assert len(simulator.requests()) == 1


def test_stop_after_the_end_of_the_call(run, simulator, target):
    simulator.state.end_call(target.call_sid)
    result = run(stop_stream(*target.ids))
    assert (result.outcome, methods(simulator)) == ("already_ended", ["POST", "GET"])


def test_stop_of_an_unknown_stream(run, target):
    with pytest.raises(SignalWireNotFoundError, match=r"The call is 'in-progress'\.$"):
        run(stop_stream(*target[:2], "unknown"))


def test_wait_for_a_stop(run, simulator, target, clock):
    queued = {"kind": "patch", "set": {"status": "queued"}, "match": {"method": "POST"}, "times": 2}
    simulator.set_faults([queued])
    schedule = PollSchedule(poll_interval=5, deadline=time.monotonic() + 60)
    result = run(wait_until(StreamPoller(*target[:2], target.stream_name), schedule))
    assert (result.record["sid"], result.record["status"]) == (target.stream_sid, "stopped")
    assert len(clock.waits) == 2


@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset"}, {"kind": "reset", "when": "after"}, {"kind": "status", "status": 503, "when": "after"}],
)
def test_start_leaves_exactly_one_stream(run, simulator, clock, fault):
    [call] = simulator.seed(streams=[{"name": "another"}])
    path = f"/Accounts/{simulator.project}/Calls/{call['sid']}/Streams"
    simulator.set_faults([{**fault, "match": {"path": path}}])
    request = endpoints.start_call_stream(simulator.project, call["sid"], url="wss://x.example/", name="n")
    flow = StreamStart(request, account_sid=simulator.project, parent_sid=call["sid"], name="n").run()
    record = run(flow).record
    running = {one["name"]: one["sid"] for one in simulator.state.snapshot()["streams"] if one["status"] != "stopped"}
    assert running["n"] == record["sid"]
    assert set(running) == {"n", "another"}


def test_deletion_and_hang_up_whose_responses_are_lost(run, simulator, clock):
    [call] = simulator.seed()
    lost = {"kind": "reset", "when": "after"}
    simulator.set_faults([lost])
    assert run(update_call(simulator.project, call["sid"], status="completed"))["status"] == "completed"
    simulator.set_faults([lost])
    assert run(delete_call(simulator.project, call["sid"])) is None
    assert simulator.state.snapshot()["calls"] == []


def test_pages_are_fetched_when_they_are_needed(driver, simulator):
    sids = [simulator.seed(age_seconds=100 - number)[0]["sid"] for number in range(5)][::-1]
    first = endpoints.list_calls(simulator.project, page_size=2)
    assert driver.first_calls(RecordPager(first=first), 2) == sids[:2]
    assert len(simulator.requests()) <= 2
    assert driver.first_calls(RecordPager(first=first), 99) == sids


def test_connection_test(run, simulator):
    works, message = run(check_connection(simulator.project, simulator.url))
    assert (works, methods(simulator)) == (True, ["GET", "GET"])
    assert message.startswith(f"Connected to {simulator.url}, project ")


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "/api/laml/x", "http://["])
def test_redirect_is_never_followed(run, stub, location):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        location = location.format(port=elsewhere.getsockname()[1])
        stub.answer = (302, {"Location": location, "Set-Cookie": "a=b"}, b"")
        with pytest.raises(SignalWireResponseError, match="redirect, which is never followed"):
            run(send(endpoints.get_call("p", "c")), origin=stub.origin)
        assert len(stub.received) == 1
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("login", ["user:p%40ss@", ""])
def test_proxy_gets_its_own_password_and_not_the_token(run, settings, stub, monkeypatch, scheme, login):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # the connection's own proxy wins
    fields = {"host": "acme.invalid", "login": "project", "password": "token"}
    extra = {"proxy": stub.origin.replace("//", f"//{login}")}
    proxy = ClientSettings.from_connection_fields(**fields, extra=extra)
    changes = {name: getattr(proxy, name) for name in ("proxy", "proxy_authorization", "proxy_password")}
    stub.answer = (407, {}, b"")
    with pytest.raises(SignalWireError):
        run(send(endpoints.get_call("p", "c")), origin=f"{scheme}://acme.invalid", max_attempts=1, **changes)
    [request] = stub.received
    assert request.method == ("CONNECT" if scheme == "https" else "GET")
    basic = "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert request.headers["Proxy-Authorization"] == (basic if login else None)
    assert request.headers["Authorization"] == (None if scheme == "https" else settings.authorization)


def test_slow_response_takes_no_longer_than_the_timeout(run):
    def drip(connection):
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while True:
            connection.sendall(b" ")
            ended.wait(0.02)

    ended = threading.Event()
    with RawServer(drip) as server, pytest.raises(SignalWireConnectionError, match=r"within 0\.3 s") as caught:
        run(send(endpoints.get_call("p", "c")), origin=server.origin, timeout=0.3, max_attempts=1)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(("seconds", "paused"), [(4.981, 5.0), (4.99, 5.0), (4.999, 5.0), (5.001, 5.02)])
def test_pauses_that_end_at_about_the_same_time_end_together(settings, clock, monkeypatch, seconds, paused):
    def pausing():
        yield Pause(seconds)

    monkeypatch.setattr("time.monotonic", lambda: 1000.0 + clock.offset)
    asyncio.run(SignalWireAsyncClient(settings).run(pausing()))
    assert clock.waits == [pytest.approx(paused)]


def test_rate_limiter_counts_writes_only_and_hears_of_each_response(settings, simulator, target, clock):
    events = []

    class Limiter(RateLimiter):
        async def __aenter__(self):
            events.append("wait")

        def on_rate_limited(self, retry_after, *, max_seconds):
            events.append(retry_after)

        def on_success(self):
            events.append("success")

    async def stop():
        async with SignalWireAsyncClient(settings, rate_limiter=Limiter(10, 1)) as client:
            await client.run(stop_stream(*target.ids))
            await client.run(send(endpoints.get_call(*target[:2])))

    simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "3"}}, {"kind": "reset"}])
    asyncio.run(stop())
    assert events == ["wait", 3, "wait", "wait", "success"]


def test_scripted_records_look_like_those_of_the_simulator(run, target):
    """What the flows' tests are told must be what a server says."""
    record = run(stop_stream(*target.ids)).record
    assert set(json.loads(stream("stopped").body)) == set(record)
