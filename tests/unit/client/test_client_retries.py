"""What may pass by itself is tried again: how often, after which wait, and with which error at the end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_signalwire.client.flows.stop import just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport import async_client, sync_client
from airflow_provider_signalwire.exceptions import (
    SignalWireConnectionError,
    SignalWireRateLimitError,
    SignalWireResponseError,
    SignalWireServerError,
)

NO_RECORD = {"odd": "answer"}
OTHER = {"sid": "another", "name": "another"}

# Each fault of an attempt, and the error in which attempts without success end.
PASSING_FAULTS = {
    "429": ({"kind": "status", "status": 429}, SignalWireRateLimitError, "SignalWire answered 429"),
    "500": ({"kind": "status", "status": 500}, SignalWireServerError, "SignalWire answered 500"),
    "502": ({"kind": "html", "status": 502}, SignalWireServerError, "SignalWire answered 502"),
    "503": ({"kind": "status", "status": 503}, SignalWireServerError, "SignalWire answered 503"),
    "504": ({"kind": "status", "status": 504, "body": ""}, SignalWireServerError, "SignalWire answered 504"),
    "reset before": ({"kind": "reset"}, SignalWireConnectionError, "broke before the answer was complete"),
    "reset middle": ({"kind": "reset", "when": "middle"}, SignalWireConnectionError, "broke before the answer"),
    "reset after": ({"kind": "reset", "when": "after"}, SignalWireConnectionError, "broke before the answer"),
    "hang": ({"kind": "hang"}, SignalWireConnectionError, r"no complete answer from .* within 0\.3 s"),
    "slow": ({"kind": "slow", "seconds": 2}, SignalWireConnectionError, r"no complete answer from .* within 0\.3 s"),
    "truncated": ({"kind": "truncate"}, SignalWireResponseError, "is not valid JSON but cut off or damaged"),
    "html": ({"kind": "html"}, SignalWireResponseError, "is not valid JSON but HTML"),
    "empty": ({"kind": "empty"}, SignalWireResponseError, r"\(HTTP 200, request id \S+\) has no body"),
    "no record": ({"kind": "json", "body": NO_RECORD}, SignalWireResponseError, "it has no text 'sid'"),
    "no object": ({"kind": "json", "body": ["text"]}, SignalWireResponseError, "is not a stream record"),
    "null": ({"kind": "json", "body": None}, SignalWireResponseError, "is not a stream record"),
    "no status": ({"kind": "patch", "drop": ["status"]}, SignalWireResponseError, "it has no text 'status'"),
    "wrong type": ({"kind": "patch", "set": {"status": 5}}, SignalWireResponseError, "it has no text 'status'"),
    "another stream": ({"kind": "patch", "set": OTHER}, SignalWireResponseError, "is about another stream"),
    "another call": ({"kind": "patch", "set": {"call_sid": "x"}}, SignalWireResponseError, "is about another call"),
    "oversize": ({"kind": "oversize", "bytes": 2000}, SignalWireResponseError, "is larger than 16777216 bytes"),
}
CASES = [pytest.param(*case, id=name) for name, case in PASSING_FAULTS.items()]


@pytest.fixture(autouse=True)
def a_small_limit_of_size(monkeypatch):
    for module in (sync_client, async_client):
        monkeypatch.setattr(module, "MAX_BODY_BYTES", 1500)


@pytest.fixture
def stop(run, target):
    """Ask for the stop of the target."""

    def stop(**changes):
        settings = {"max_attempts": 3, "max_retry_seconds": 1000, **changes}
        return run(just(endpoints.stop_call_stream(*target.ids)), **settings)

    return stop


@pytest.mark.parametrize(("fault", "error_class", "words"), CASES)
def test_it_is_tried_until_the_attempts_are_used_up(
    stop, simulator, target, clock, timeout_for, fault, error_class, words
):
    simulator.set_faults([{**fault, "times": None}])
    with pytest.raises(error_class, match=words) as caught:
        stop(max_attempts=2, timeout=timeout_for(fault))
    assert type(caught.value) is error_class
    assert len(simulator.requests()) == 2
    assert len(clock.waits) == 1
    message = str(caught.value)
    assert message.startswith(f"Tried to stop stream '{target.stream_sid}' on call '{target.call_sid}': ")
    assert "Gave up after 2 attempts in " in message


@pytest.mark.parametrize(("fault", "error_class", "words"), CASES)
def test_it_recovers(stop, simulator, clock, statuses, caplog, timeout_for, fault, error_class, words):
    simulator.set_faults([fault])
    with caplog.at_level(logging.WARNING):
        assert stop(timeout=timeout_for(fault))["status"] == "stopped"
    assert set(statuses().values()) == {"stopped"}
    assert len(simulator.requests()) == 2
    [warning] = caplog.messages
    assert "Attempt 1 failed; trying again in " in warning


def test_a_refused_connection_is_tried_again(stop, refused_origin, clock):
    with pytest.raises(SignalWireConnectionError, match=f"could not connect to {refused_origin} ") as caught:
        stop(origin=refused_origin)
    assert caught.value.kind == "connect"
    assert len(clock.waits) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("reset before", "lost"), ("reset middle", "lost"), ("hang", "timeout"), ("slow", "timeout")],
)
def test_a_connection_error_says_of_which_kind_it_is(stop, simulator, timeout_for, name, kind):
    fault, *_ = PASSING_FAULTS[name]
    simulator.set_faults([fault])
    with pytest.raises(SignalWireConnectionError, match="the request may have been processed") as caught:
        stop(max_attempts=1, timeout=timeout_for(fault))
    assert caught.value.kind == kind
    assert caught.value.request_was_sent


def test_a_body_that_stops_coming_is_a_timeout(run, stub):
    stub.answer = (200, {"Content-Length": "1000"}, b'{"sid": ')
    with pytest.raises(SignalWireConnectionError, match=r"no complete answer .* within 0\.3 s") as caught:
        run(just(endpoints.get_call("p", "c")), origin=stub.origin, timeout=0.3, max_attempts=1)
    assert caught.value.kind == "timeout"


def test_a_body_that_ends_too_early_is_a_lost_connection(run, stub):
    stub.answer = (200, {"Content-Length": "1000", "Connection": "close"}, b'{"sid": "c", "status": "queued"}')
    with pytest.raises(SignalWireConnectionError, match="broke before the answer was complete") as caught:
        run(just(endpoints.get_call("p", "c")), origin=stub.origin, timeout=2, max_attempts=1)
    assert caught.value.kind == "lost"


def test_a_refused_connection_is_told_from_a_lost_one_whatever_the_names_are(run, simulator):
    simulator.set_faults([{"kind": "reset"}])
    with pytest.raises(SignalWireConnectionError) as caught:
        run(just(endpoints.stop_call_stream("p", "c", "NewConnectionError")), max_attempts=1)
    assert caught.value.kind == "lost"


def test_one_attempt_means_one_request(stop, simulator, clock):
    simulator.set_faults([{"kind": "status", "status": 500}])
    with pytest.raises(SignalWireServerError, match="failed; it may pass"):
        stop(max_attempts=1)
    assert len(simulator.requests()) == 1
    assert clock.waits == []


def test_no_time_for_retries_means_one_request(stop, simulator):
    simulator.set_faults([{"kind": "status", "status": 500}])
    with pytest.raises(SignalWireServerError):
        stop(max_retry_seconds=0)
    assert len(simulator.requests()) == 1


class TestTheWait:
    def always(self, simulator, status=503, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        simulator.set_faults([{"kind": "status", "status": status, "headers": headers, "times": None}])

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_in_seconds_is_the_wait_itself(self, stop, simulator, clock, status):
        self.always(simulator, status, Retry_After="7")
        with pytest.raises((SignalWireRateLimitError, SignalWireServerError)) as caught:
            stop()
        assert clock.waits == [7, 7]
        assert caught.value.retry_after == 7

    def test_retry_after_as_a_date_is_the_wait_itself(self, stop, simulator, clock):
        until = datetime.now(UTC) + timedelta(seconds=30)
        simulator.set_faults(
            [{"kind": "status", "status": 429, "headers": {"Retry-After": format_datetime(until, usegmt=True)}}]
        )
        stop()
        [wait] = clock.waits
        assert 25 < wait <= 30

    def test_retry_after_of_the_past_means_at_once(self, stop, simulator, clock):
        self.always(simulator, 429, Retry_After="Mon, 01 Jan 2024 00:00:00 GMT")
        with pytest.raises(SignalWireRateLimitError):
            stop()
        assert sum(clock.waits) == 0
        assert len(simulator.requests()) == 3

    def test_retry_after_is_capped_by_what_is_left(self, stop, simulator, clock):
        self.always(simulator, 429, Retry_After="40")
        with pytest.raises(SignalWireRateLimitError):
            stop(max_attempts=10, max_retry_seconds=60)
        assert clock.waits[0] == 40
        assert 15 < clock.waits[1] <= 20
        assert sum(clock.waits) <= 60
        assert len(simulator.requests()) == 3

    def test_a_retry_after_of_days_does_not_hold_the_task(self, stop, simulator, clock):
        self.always(simulator, 429, Retry_After="864000")
        with pytest.raises(SignalWireRateLimitError):
            stop(max_retry_seconds=60)
        assert 59 < sum(clock.waits) <= 60
        assert len(simulator.requests()) == 2

    @pytest.mark.parametrize("value", ["soon", "-5", "1.5", ""])
    def test_a_retry_after_that_says_nothing_is_ignored(self, stop, simulator, value):
        self.always(simulator, 429, Retry_After=value)
        with pytest.raises(SignalWireRateLimitError) as caught:
            stop(max_attempts=1)
        assert caught.value.retry_after is None

    def test_backoff_grows_and_is_bounded(self, stop, simulator, clock, monkeypatch):
        monkeypatch.setattr("random.uniform", lambda low, high: high)
        self.always(simulator)
        with pytest.raises(SignalWireServerError):
            stop(max_attempts=8)
        assert clock.waits == [0.25, 0.75, 2.25, 6.75, 20.25, 30, 30]

    def test_backoff_begins_anywhere_from_zero(self, stop, simulator, clock, monkeypatch):
        bounds = []
        monkeypatch.setattr("random.uniform", lambda low, high: bounds.append((low, high)) or 0.25 * high)
        self.always(simulator)
        with pytest.raises(SignalWireServerError):
            stop()
        assert bounds[:2] == [(0, 0.25), (0, 0.75)]
        assert clock.waits == [0.0625, 0.1875]

    def test_backoff_ends_with_the_time_for_retries(self, stop, simulator, clock, monkeypatch):
        monkeypatch.setattr("random.uniform", lambda low, high: high)
        self.always(simulator)
        with pytest.raises(SignalWireServerError, match=r"Gave up after 5 attempts in 5\.\d s"):
            stop(max_attempts=10, max_retry_seconds=5)
        assert clock.waits[:3] == [0.25, 0.75, 2.25]
        assert 4.5 < sum(clock.waits) <= 5


@pytest.mark.parametrize(
    "fault", [{"kind": "patch", "set": {"sid": "another"}}, {"kind": "json", "body": {"calls": []}}]
)
def test_a_call_that_is_another_one_is_refused(run, simulator, target, fault, clock):
    simulator.set_faults([{**fault, "times": None}])
    with pytest.raises(SignalWireResponseError, match=r"is about another call|is not a call record"):
        run(just(endpoints.get_call(*target[:2])), max_attempts=2)


@pytest.mark.parametrize("body", [[], {}, {"calls": {}}, {"calls": [{"sid": "x"}]}, {"calls": ["x"]}])
def test_a_page_that_is_none_is_refused(run, simulator, clock, body):
    simulator.set_faults([{"kind": "json", "body": body, "times": None}])
    with pytest.raises(SignalWireResponseError, match=r"is not a page of calls|is not a call record"):
        run(just(endpoints.list_calls(simulator.project)), max_attempts=2)
    assert len(simulator.requests()) == 2


def test_a_name_in_the_answer_may_differ_in_case(run, simulator, target):
    simulator.set_faults([{"kind": "patch", "set": {"sid": target.stream_sid.upper()}}])
    assert run(just(endpoints.stop_call_stream(*target.ids)))["sid"] == target.stream_sid.upper()
