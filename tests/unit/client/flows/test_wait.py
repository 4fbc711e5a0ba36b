"""Waiting for a stream's stop or a call's status: what ends the wait, when, and with how many requests."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from scripted import IDS, MONOTONIC, SETTINGS, Always, call, lost, response, run, stream, unsent

from airflow_provider_signalwire.client.flows.wait import CallPoller, PollSchedule, StreamPoller, wait_until
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireCallEndedError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
    SignalWireTimeoutError,
)

NOT_FOUND = response(404)
QUEUED = stream("queued")
STOPPED = stream("stopped")
LIVE = call("in-progress")


def schedule(*, timeout=60, poll_interval=5, **options):
    return PollSchedule(poll_interval=poll_interval, deadline=MONOTONIC + timeout, **options)


def wait(*script, polled_before=False, ignore_if_missing=False, draw=None, **options):
    poller = StreamPoller(*IDS, ignore_if_missing=ignore_if_missing)
    flow = wait_until(poller, schedule(**options), polled_before=polled_before)
    return run(flow, *script, **({"draw": draw} if draw else {}))


def wait_for_call(*script, target_statuses=("completed",), **options):
    return run(wait_until(CallPoller("project", "call", target_statuses), schedule(**options)), *script)


class TestStream:
    def test_stop_is_repeated_until_the_stream_is_stopped(self):
        outcome = wait(QUEUED, LIVE, stream("winding-down"), LIVE, STOPPED)
        assert (outcome.result.record["status"], outcome.sent) == ("stopped", "X?X?X")
        assert len(outcome.pauses) == 2

    def test_end_of_the_call_is_noticed_while_stops_are_still_accepted(self):
        outcome = wait(QUEUED, LIVE, QUEUED, call("completed", end_time="t"))
        assert outcome.result.outcome == "already_ended"
        assert outcome.result.record["date_updated"] == "t"
        polls_until_noticed = outcome.sent[outcome.sent.index("?") + 1 :].count("X")
        assert polls_until_noticed <= 3

    def test_sid_of_the_first_accepted_stop_is_used_from_then_on(self):
        named = {"sid": "SID", "name": "stream"}
        outcome = wait(lost(), stream("queued", **named), LIVE, stream("stopped", **named))
        assert outcome.stopped_by == ["stream", "stream", "SID"]

    def test_ids_of_another_stream_are_not_used_and_warned_about_once(self, caplog):
        other = stream("queued", sid="SID", name="other")
        with caplog.at_level(logging.WARNING):
            outcome = wait(other, LIVE, other, LIVE, stream("stopped", sid="SID", name="other"))
        assert outcome.stopped_by == ["stream"] * 3
        assert caplog.text.count("The record is about another stream") == 1

    @pytest.mark.parametrize(
        ("script", "outcome"),
        [
            ([LIVE, NOT_FOUND, LIVE], "stopped"),
            ([LIVE, NOT_FOUND, NOT_FOUND], "stopped"),
            *(([LIVE, response(status), NOT_FOUND], "already_ended") for status in (400, 409, 422)),
        ],
    )
    def test_stream_that_is_gone_after_an_accepted_stop_has_stopped(self, script, outcome, caplog):
        result = wait(stream("queued", sid="SID", name="stream"), *script, ignore_if_missing=True).result
        assert (result.outcome, result.record["sid"], result.record["status"]) == (outcome, "SID", "stopped")
        assert "another stream" not in caplog.text
        wait(response(422), NOT_FOUND).expect(SignalWireRequestError)

    def test_call_that_is_gone_after_an_accepted_stop_has_ended(self, caplog):
        caplog.set_level(logging.INFO)
        result = wait(stream("queued", sid="SID", name="stream"), NOT_FOUND, ignore_if_missing=True).result
        assert (result.outcome, result.record["sid"], result.record["status"]) == ("already_ended", "SID", "stopped")
        assert "Call 'call' was deleted after it had accepted the stop." in caplog.text

    def test_404_without_an_accepted_stop_is_an_error_unless_it_is_ignored(self):
        wait(response(503), *[response(503)] * 4, NOT_FOUND, LIVE, timeout=600).expect(SignalWireNotFoundError)
        assert wait(NOT_FOUND, LIVE, ignore_if_missing=True).result.outcome == "missing"

    def test_status_is_logged_when_it_changes(self, caplog):
        with caplog.at_level(logging.INFO):
            wait(QUEUED, LIVE, QUEUED, LIVE, stream("in-progress"), LIVE, STOPPED)
        waiting = [message for message in caplog.messages if "Waiting for it to stop." in message]
        assert [message.split(":")[0] for message in waiting] == ["Stream is queued", "Stream is in-progress"]


class TestDeadline:
    def test_last_poll_is_at_the_deadline(self):
        outcome = wait(QUEUED, LIVE, QUEUED, LIVE, QUEUED, LIVE, timeout=7, draw=max)
        error = outcome.expect(SignalWireTimeoutError)
        assert outcome.elapsed == 7
        assert outcome.pauses == [5, 2]
        assert str(error) == (
            "Gave up waiting for stream 'stream' on call 'call' to stop at the deadline: its last status was 'queued'. "
            "Raise 'timeout' if it needs longer; rerunning the task resumes the wait."
        )

    def test_error_names_the_parameter_that_set_it(self):
        error = wait(QUEUED, LIVE, timeout=-1, limit="execution_timeout").expect(SignalWireTimeoutError)
        assert error.limit == "execution_timeout"
        assert "Raise 'execution_timeout'" in str(error)

    def test_deadline_in_the_past_allows_one_poll(self):
        assert wait(STOPPED, timeout=-1).result.record["status"] == "stopped"

    @pytest.mark.parametrize("timeout", [0, -100])
    def test_resumed_wait_polls_once_after_the_deadline(self, timeout):
        assert wait(STOPPED, timeout=timeout, polled_before=True).result.record["status"] == "stopped"
        outcome = wait(QUEUED, LIVE, timeout=timeout, polled_before=True)
        outcome.expect(SignalWireTimeoutError)
        assert outcome.elapsed == 0

    def test_requests_obey_it_and_the_last_poll_still_has_time(self):
        outcome = wait(QUEUED, LIVE, QUEUED, LIVE, timeout=4, draw=max)
        assert [request.timeout for request in outcome.requests] == [4, 4, 2, 2]

    def test_retries_do_not_lead_beyond_it(self):
        outcome = wait(Always(response(503)), timeout=3, draw=max)
        outcome.expect(SignalWireTimeoutError)
        assert outcome.elapsed <= 3 + 2  # the last poll may take its time

    def test_retry_after_beyond_it_ends_the_wait_at_the_deadline(self):
        outcome = wait(*[response(503, headers={"Retry-After": "12"})] * 2, timeout=2)
        error = outcome.expect(SignalWireTimeoutError)
        assert outcome.elapsed == 2
        assert "failed: Could not stop stream 'stream' on call 'call': SignalWire returned 503" in str(error)


class TestFailedPoll:
    @pytest.mark.parametrize(
        "reply", [unsent(), lost(), response(429), response(503), response(522), response(408), response(200, b"{")]
    )
    def test_transient_failure_never_ends_the_wait(self, reply):
        outcome = wait(*[reply] * 12, STOPPED, timeout=1000)
        assert outcome.result.record["status"] == "stopped"

    def test_transient_failure_at_the_deadline_is_the_timeout_error_and_said_once(self):
        message = str(wait(Always(lost()), timeout=20).expect(SignalWireTimeoutError))
        assert "no poll returned a status. The last poll failed: Could not stop stream" in message
        for sentence in ("Gave up waiting", "Gave up after", "Could not stop", "Raise 'timeout'"):
            assert message.count(sentence) == 1

    def test_retry_after_is_obeyed_between_polls(self):
        busy = response(429, headers={"Retry-After": "40"})
        outcome = wait(*[busy] * 3, STOPPED, timeout=600)  # a poll has 60 s for its retries
        assert outcome.pauses == [40, 20, 40]

    @pytest.mark.parametrize(
        ("reply", "error_class"),
        [
            (response(401), SignalWireAuthenticationError),
            (response(405), SignalWireRequestError),
            (response(501), SignalWireServerError),
            (response(302), SignalWireResponseError),
        ],
    )
    def test_permanent_failure_ends_the_wait_at_once(self, reply, error_class):
        outcome = wait(QUEUED, LIVE, reply)
        outcome.expect(error_class)
        assert outcome.sent == "X?X"

    def test_silent_fail_goes_on_unless_retrying_cannot_help(self):
        outcome = wait(response(501), response(302), STOPPED, silent_fail=True)
        assert outcome.result.record["status"] == "stopped"
        wait(response(401), silent_fail=True).expect(SignalWireAuthenticationError)

    @pytest.mark.parametrize("attempts", [1, 5])
    def test_repeated_failure_is_logged_in_full_only_at_first(self, attempts, caplog):
        flow = wait_until(StreamPoller(*IDS), schedule(timeout=60))
        settings = dataclasses.replace(SETTINGS, max_attempts=attempts)
        with caplog.at_level(logging.INFO):
            run(flow, Always(response(503)), settings=settings).expect(SignalWireTimeoutError)
        in_full = [message for message in caplog.messages if "SignalWire returned 503" in message]
        assert len(in_full) == (1 if attempts == 1 else 2)  # the first attempt, and the first poll
        assert caplog.messages[-1] == "The poll failed again (SignalWireServerError)."

    def test_failure_of_another_kind_is_logged_in_full(self, caplog):
        with caplog.at_level(logging.WARNING):
            wait(*[response(503)] * 5, *[response(429)] * 5, *[response(429)] * 5, STOPPED, timeout=1000)
        in_full = [message for message in caplog.messages if "Polling goes on until the deadline." in message]
        assert ["503" in message for message in in_full] == [True, False]


class TestInterval:
    @pytest.mark.parametrize(("draw", "pauses"), [(min, [2.5, 4.5, 4.5]), (max, [5, 5.5, 5.5])])
    def test_has_jitter_most_of_it_in_the_first(self, draw, pauses):
        outcome = wait(QUEUED, LIVE, QUEUED, LIVE, QUEUED, LIVE, STOPPED, draw=draw)
        assert outcome.pauses == pytest.approx(pauses)

    def test_grows_exponentially_up_to_max_wait(self):
        options = {"exponential_backoff": True, "timeout": 1000, "draw": lambda low, high: 1.0}
        polls = [QUEUED, LIVE] * 6
        assert wait(*polls, STOPPED, **options).pauses == [5, 10, 20, 40, 80, 160]
        assert wait(*polls, STOPPED, max_wait=30, **options).pauses == [5, 10, 20, 30, 30, 30]

    def test_grows_without_overflow(self):
        endless = schedule(exponential_backoff=True)
        assert endless.interval(10_000) <= 5 * 2**32 * 1.1

    def test_resumed_wait_begins_with_a_pause(self):
        assert wait(QUEUED, LIVE, STOPPED, polled_before=True, draw=max).pauses == [5, 5.5]


class TestCall:
    def test_call_in_a_target_status_is_read_once(self):
        outcome = wait_for_call(LIVE, target_statuses=("completed", "in-progress"))
        assert (outcome.result["status"], outcome.sent) == ("in-progress", "?")

    def test_call_is_read_until_it_has_a_target_status(self):
        outcome = wait_for_call(call("queued"), call("ringing"), response(503), LIVE, call("completed"))
        assert (outcome.result["status"], len(outcome.pauses)) == ("completed", 4)

    def test_status_is_logged_when_it_changes(self, caplog):
        with caplog.at_level(logging.INFO):
            wait_for_call(call("queued"), call("queued"), LIVE, call("completed"))
        assert caplog.messages == [
            f"Call is {status}: waiting for call 'call' to be 'completed'." for status in ("queued", "in-progress")
        ]

    @pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
    def test_another_end_fails_at_once(self, status):
        outcome = wait_for_call(call("ringing"), call(status), target_statuses=("in-progress", "completed"))
        assert str(outcome.expect(SignalWireCallEndedError)) == (
            f"Call 'call' has ended as '{status}', so it will never be 'in-progress' or 'completed'. If that status is "
            "acceptable, add it to target_statuses."
        )

    def test_deadline(self):
        outcome = wait_for_call(LIVE, LIVE, LIVE, poll_interval=50)
        error = outcome.expect(SignalWireTimeoutError)
        assert outcome.requests[-1].timeout == 2
        assert "call 'call' to be 'completed' at the deadline: its last status was 'in-progress'" in str(error)

    def test_record_of_another_call_is_warned_about_once(self, caplog):
        other = [call(status, sid="other") for status in ("ringing", "in-progress", "completed")]
        with caplog.at_level(logging.WARNING):
            assert wait_for_call(*other).result["sid"] == "other"
        assert caplog.text.count("The record is about another call") == 1
