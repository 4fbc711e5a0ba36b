"""The retry loop: what is sent again, how often, after which pause, and with which error at the end."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from scripted import IDS, MONOTONIC, SETTINGS, Always, Queued, lost, response, run, stream, unsent

from airflow_provider_signalwire.client.policy.observer import Observer
from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import Pause, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import (
    SignalWireConnectionError,
    SignalWireResponseError,
    SignalWireServerError,
)

CREATE = endpoints.create_call("project", to="+15550100001", from_="+15550100002")
UNAVAILABLE = response(503)
# Failures of an attempt after which the request may have been processed, and after which it was not.
UNKNOWN_OUTCOMES = {"lost": lost(), "lost body": lost(status=200), "503": UNAVAILABLE, "not JSON": response(200, b"{")}
NOT_PROCESSED = {"no connection": unsent(), "429": response(429), "429 without its body": lost(status=429)}


def stop(*script, **options):
    changes = {name: options.pop(name) for name in ("max_attempts", "max_retry_seconds", "timeout") if name in options}
    deadline = options.pop("deadline", None)
    request = endpoints.stop_call_stream(*IDS)
    return run(send(request, deadline=deadline), *script, settings=dataclasses.replace(SETTINGS, **changes), **options)


@pytest.mark.parametrize("reply", [*UNKNOWN_OUTCOMES.values(), *NOT_PROCESSED.values()])
def test_transient_failure_is_retried_until_success(reply):
    outcome = stop(reply, reply, stream("stopped"))
    assert outcome.result.record["status"] == "stopped"
    assert outcome.result.stats.attempts == 3


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_max_attempts_is_the_number_of_requests(attempts):
    outcome = stop(*[UNAVAILABLE] * attempts, max_attempts=attempts)
    error = outcome.expect(SignalWireServerError)
    assert len(outcome.pauses) == attempts - 1
    assert error.attempts == attempts
    assert (f"Gave up after {attempts} attempts in " in str(error)) is (attempts > 1)


@pytest.mark.parametrize("status", [302, 401, 422, 501])
def test_permanent_failure_is_sent_once(status):
    outcome = stop(response(status))
    assert "Gave up" not in str(outcome.error)


class TestRequestThatIsNotSafeToRepeat:
    @pytest.mark.parametrize("reply", UNKNOWN_OUTCOMES.values(), ids=UNKNOWN_OUTCOMES)
    def test_is_sent_once_when_it_may_have_been_processed(self, reply):
        assert run(send(CREATE), reply).error.outcome == "unknown"

    @pytest.mark.parametrize("reply", NOT_PROCESSED.values(), ids=NOT_PROCESSED)
    def test_is_retried_when_it_was_not_processed(self, reply):
        error = run(send(CREATE), *[reply] * SETTINGS.max_attempts).error
        assert error.outcome == "not_processed"


def test_earlier_unknown_outcome_is_remembered_by_later_errors():
    assert stop(lost(), response(404)).error.after_unknown_outcome
    assert not stop(response(429), unsent(), response(404)).error.after_unknown_outcome
    assert not stop(lost(), max_attempts=1).error.after_unknown_outcome  # that is the attempt itself


class TestPause:
    def test_backoff_grows_and_is_bounded(self):
        outcome = stop(Always(UNAVAILABLE), max_attempts=8, max_retry_seconds=1000, draw=max)
        assert outcome.pauses == [0.25, 0.75, 2.25, 6.75, 20.25, 30, 30]

    def test_backoff_has_full_jitter(self):
        bounds = []
        stop(UNAVAILABLE, UNAVAILABLE, stream("stopped"), draw=lambda low, high: bounds.append((low, high)) or 0)
        assert bounds == [(0, 0.25), (0, 0.75)]

    def test_retry_after_is_a_minimum(self):
        reply = response(429, headers={"Retry-After": "1"})
        outcome = stop(Always(reply), max_attempts=5, draw=max)
        assert outcome.pauses == [1, 1, 2.25, 6.75]

    @pytest.mark.parametrize("value", ["40", "864000"])
    def test_retry_after_is_capped_by_what_is_left_of_the_retry_time(self, value):
        outcome = stop(Always(response(429, headers={"Retry-After": value})), max_attempts=10, max_retry_seconds=60)
        assert outcome.pauses == ([40, 20] if value == "40" else [60])


class TestRetryTime:
    def test_ends_the_retries(self):
        outcome = stop(Always(response(503, seconds=2)), max_attempts=99, max_retry_seconds=5, draw=max)
        assert outcome.pauses == [0.25, 0.75]
        assert outcome.elapsed == 7
        assert "Gave up after 3 attempts in 7.0 s." in str(outcome.error)

    def test_zero_means_one_request(self):
        assert stop(UNAVAILABLE, max_retry_seconds=0).pauses == []

    def test_is_not_charged_with_waiting_for_a_place_to_be_sent(self):
        queued = Queued(UNAVAILABLE, 100)
        outcome = stop(queued, queued, Queued(stream("stopped"), 100), max_retry_seconds=5)
        assert outcome.result.stats.seconds == sum(outcome.pauses)
        assert outcome.elapsed > 300


class TestDeadline:
    def test_is_the_timeout_of_the_attempt(self):
        outcome = stop(stream("stopped"), deadline=MONOTONIC + 3)
        assert [request.timeout for request in outcome.requests] == [3]
        assert stop(stream("stopped"), deadline=MONOTONIC + 300).requests[0].timeout == SETTINGS.timeout
        assert stop(stream("stopped")).requests[0].timeout == SETTINGS.timeout

    def test_ends_retries_without_a_pause_that_leads_beyond_it(self):
        outcome = stop(UNAVAILABLE, UNAVAILABLE, deadline=MONOTONIC + 0.9, draw=max)
        assert outcome.pauses == [0.25]

    def test_retry_after_beyond_it_ends_the_request_at_once(self):
        outcome = stop(response(503, headers={"Retry-After": "12"}), deadline=MONOTONIC + 2)
        assert outcome.pauses == []
        assert outcome.error.retry_after == 12


class Events(Observer):
    def __init__(self):
        self.events = []

    def on_request_finished(self, operation, outcome, seconds):
        self.events.append((operation, outcome, seconds))

    def on_request_retried(self, operation):
        self.events.append("retried")

    def on_rate_limited(self, operation, seconds):
        self.events.append(("rate limited", seconds))


def test_observer_is_notified_of_each_attempt():
    observer = Events()
    stop(lost(seconds=1), response(429, seconds=2), response(200, seconds=3), response(404), observer=observer)
    operation = "stop_call_stream"
    assert observer.events == [
        (operation, "connection_error", 1),
        "retried",
        (operation, "rate_limited", 2),
        "retried",
        ("rate limited", 0.375),
        (operation, "invalid_response", 3),
        "retried",
        (operation, "not_found", 0),
    ]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (response(401), "authentication_failed"),
        (response(404), "not_found"),
        (response(422), "refused"),
        (response(429), "rate_limited"),
        (UNAVAILABLE, "server_error"),
        (response(200, b"<html>"), "invalid_response"),
        (unsent(), "connection_error"),
    ],
)
def test_observer_is_notified_of_the_outcome(reply, outcome):
    observer = Events()
    stop(reply, max_attempts=1, observer=observer)
    assert observer.events == [("stop_call_stream", outcome, 0)]


def test_first_failure_is_logged_in_full_and_the_others_in_short(caplog):
    with caplog.at_level(logging.WARNING):
        stop(response(503), response(503), stream("stopped"), draw=max)
    assert caplog.messages == [
        "Could not stop stream 'stream' on call 'call': SignalWire returned 503 Service Unavailable. SignalWire or an "
        "upstream proxy failed; this is usually transient. Attempt 1 of 5; retrying in 0.2 s.",
        "Could not stop stream 'stream' on call 'call' (server_error). Attempt 2 of 5; retrying in 0.8 s.",
    ]


def test_flow_receives_pauses_results_and_errors_in_order():
    def flow():
        yield Pause(3)
        response = yield from send(endpoints.stop_call_stream(*IDS))
        try:
            yield from send(endpoints.stop_call_stream(*IDS))
        except SignalWireResponseError as error:
            return response.record["status"], error.http_status
        finally:
            yield Pause(4)

    outcome = run(flow(), stream("queued"), response(302))
    assert outcome.result == ("queued", 302)
    assert outcome.pauses == [3, 4]


@pytest.mark.parametrize(("may_repeat", "sent"), [(True, 3), (False, 1)])
def test_recovery_decides_whether_a_failed_request_is_sent_again(may_repeat, sent):
    failures = []

    def recover(failure):
        failures.append(failure)
        yield Pause(9)
        return may_repeat

    settings = dataclasses.replace(SETTINGS, max_attempts=3)
    outcome = run(send(CREATE, recover=recover), *[lost()] * sent, settings=settings, draw=max)
    assert len(failures) == sent
    assert outcome.pauses == ([9, 0.25, 9, 0.75, 9] if may_repeat else [9])
    outcome.expect(SignalWireConnectionError)


def test_closing_a_flow_runs_its_cleanup():
    closed = []

    def flow():
        try:
            yield Pause(1)
        finally:
            closed.append(True)

    attempts = RetryPolicy(SETTINGS).drive(flow())
    next(attempts)
    attempts.close()
    assert closed
