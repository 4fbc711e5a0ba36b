"""Starting a stream: success means exactly one stream; failure means none, or an error that says one may be running."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from scripted import SETTINGS, WALL, Always, call, lost, response, run, stream, unsent

from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import Pause
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.stream_endpoints import start_stream
from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
    SignalWireTimeoutError,
)

NAME = "dag.task"
MAY_BE_RUNNING = (
    "A stream named 'dag.task' may be running on call 'call' since 2026-01-02T03:04:05+00:00. Stop it by that name, or "
    "end the call."
)
IF_PROCESSED = (
    "SignalWire documents that a request is not processed if it returns 429. If this one was, a stream named "
    "'dag.task' may be running on call 'call' since 2026-01-02T03:04:05+00:00."
)
STARTED = stream("in-progress", sid="NEW", name=NAME)
LEFTOVER_STOPPED = stream("stopped", sid="OLD", name=NAME)
LEFTOVER_QUEUED = stream("queued", sid="OLD", name=NAME)
NOT_FOUND = response(404)
LIVE = call("in-progress")
NAME_IN_USE = response(422, {"message": "Name is already in use."})
WRONG_CALL_STATE = response(422, {"code": 21220, "message": "Call is not in progress."})
REPLIES = {str(status): response(status) for status in (302, 401, 404, 408, 429, 501, 503, 504)} | {
    "lost": lost(),
    "lost-late": lost(seconds=9),
    "unsent": unsent(),
    "live": LIVE,
    "ended": call("completed"),
    "started": STARTED,
    "stopped": LEFTOVER_STOPPED,
    "stopped-2": stream("stopped", sid="OLD-2", name=NAME),
    "stopped-3": stream("stopped", sid="OLD-3", name=NAME),
    "old": stream("stopped", sid="OLD", name=NAME, date_updated="Fri, 02 Jan 2026 03:03:04 +0000"),
    "recent": stream("stopped", sid="OLD", name=NAME, date_updated="2026-01-02T03:03:06Z"),
    "undated": stream("stopped", sid="OLD", name=NAME, date_updated="2026-01-02T00:00:00"),
    "queued": LEFTOVER_QUEUED,
    "in-use": NAME_IN_USE,
    "wrong-state": WRONG_CALL_STATE,
}


def replies(words):
    return [REPLIES[word] for word in words.split()]


def new_start(**options):
    request = endpoints.start_call_stream("project", "call", url="wss://media.example.com/", name=NAME)
    return StreamStart(request, account_sid="project", parent_sid="call", name=NAME, **options)


def start(*script, attempts=5, **options):
    settings = dataclasses.replace(SETTINGS, max_attempts=attempts)
    return run(new_start(**options).run(), *script, settings=settings)


def test_leftover_on_a_conference_is_stopped_there():
    request = start_stream(CONFERENCE, "project", "room", url="wss://media.example.com/", name=NAME)
    flow = StreamStart(request, account_sid="project", parent_sid="room", name=NAME, parent=CONFERENCE).run()
    outcome = run(flow, lost(), LEFTOVER_STOPPED, STARTED)
    paths = [sent.target.partition("/Conferences/room/")[2] for sent in outcome.requests]
    assert paths == ["Streams", f"Streams/{NAME}", "Streams"]


def warnings(error):
    """Return how often an error says that a stream may be running."""
    return str(error).count("may be running")


# What SignalWire returns, what is sent, the error, whether it says that a stream may be running, and max_attempts.
SCENARIOS = [
    ("started", "S", None, False, 5),
    ("lost stopped started", "SXS", None, False, 5),
    ("lost 404 live started", "SX?S", None, False, 5),  # a stop that finds nothing prevents no other start
    ("lost 404 ended", "SX?", SignalWireConnectionError, False, 5),
    ("501 stopped", "SX", SignalWireServerError, False, 5),
    ("302 stopped", "SX", SignalWireResponseError, False, 5),
    ("504 404 live 429 unsent unsent unsent", "SX?SSSS", SignalWireConnectionError, True, 5),
    # The name is in use: the first start was processed late.
    ("504 404 live in-use stopped started", "SX?SXS", None, False, 5),
    ("504 404 live in-use 404 live", "SX?SX?", SignalWireRequestError, True, 5),
    ("504 404 live wrong-state 404 ended", "SX?SX?", SignalWireRequestError, False, 5),
    # One accepted stop is proof for one of two starts: the other may still be processed.
    ("504 404 live lost stopped in-use stopped-2 started", "SX?SXSXS", None, False, 5),
    ("504 404 live lost stopped 401 404 live", "SX?SXSX?", SignalWireAuthenticationError, True, 5),
    ("504 404 live 401 stopped", "SX?SX", SignalWireAuthenticationError, False, 5),
    ("504 404 live lost 404 ended", "SX?SX?", SignalWireConnectionError, False, 5),
    ("429 lost stopped 401", "SSXS", SignalWireAuthenticationError, False, 5),
    # The last attempt is cleaned up, too.
    ("lost stopped", "SX", SignalWireConnectionError, False, 1),
    ("504 404 live", "SX?", SignalWireServerError, True, 1),
    ("504 404 live in-use stopped", "SX?SX", SignalWireRequestError, False, 2),
    ("504 404 live lost stopped", "SX?SX", SignalWireConnectionError, True, 2),
    ("503 stopped 408 stopped-2 504 stopped-3", "SXSXSX", SignalWireServerError, False, 3),
    # A stop by name may return a stream that was stopped before. It does not prove that a later start left no stream.
    ("503 stopped lost stopped", "SXSX", SignalWireConnectionError, True, 2),
    ("503 stopped lost stopped started", "SXSXS", None, False, 5),
    # It may also return one of an earlier task. A stream last updated a minute before the start is not the started one.
    ("504 old 401 old", "SXSX", SignalWireAuthenticationError, True, 5),
    ("504 old in-use stopped started", "SXSXS", None, False, 5),
    ("504 recent 401", "SXS", SignalWireAuthenticationError, False, 5),
    ("504 undated 401", "SXS", SignalWireAuthenticationError, False, 5),
    # A repeated stop that finds no stream does not prove it either.
    ("lost lost 404 live 401 404 live", "SXX?SX?", SignalWireAuthenticationError, True, 5),
]


@pytest.mark.parametrize(("script", "sent", "error_class", "warns", "attempts"), SCENARIOS)
def test_requests_and_result(script, sent, error_class, warns, attempts):
    outcome = start(*replies(script), attempts=attempts)
    assert outcome.sent == sent
    if error_class is None:
        assert outcome.result.record["sid"] == "NEW"
    else:
        error = outcome.expect(error_class)
        assert warnings(error) == str(error).endswith(MAY_BE_RUNNING) == warns


def test_cleanup_waits_until_the_leftover_has_stopped():
    outcome = start(lost(), LEFTOVER_QUEUED, LIVE, LEFTOVER_QUEUED, LIVE, LEFTOVER_STOPPED, STARTED)
    assert (outcome.sent, outcome.stopped_by) == ("SX?X?XS", [NAME, "OLD", "OLD"])
    assert outcome.pauses[:2] == pytest.approx([0.375, 0.5])


def test_call_and_stream_are_logged_before_the_request(caplog):
    caplog.set_level(logging.INFO)
    flow = new_start().run()
    next(flow)
    assert caplog.messages == ["Starting stream 'dag.task' on call 'call'."]
    flow.close()


class TestRefusal:
    @pytest.mark.parametrize(
        ("reply", "error_class"),
        [
            (response(401), SignalWireAuthenticationError),
            (NOT_FOUND, SignalWireNotFoundError),
            (NAME_IN_USE, SignalWireRequestError),
            (WRONG_CALL_STATE, SignalWireRequestError),
        ],
    )
    @pytest.mark.parametrize("before", [[], [unsent(), response(429, seconds=9), response(429)]])
    def test_stops_nothing_if_no_earlier_attempt_was_processed(self, before, reply, error_class):
        outcome = start(*before, reply)
        error = outcome.expect(error_class)
        assert outcome.sent == "S" * (len(before) + 1)
        assert warnings(error) == str(error).endswith(IF_PROCESSED) == bool(before)

    def test_of_a_name_says_what_to_do(self):
        advice = "If a stream named 'dag.task' already runs on this call, stop it or choose another name."
        assert str(start(NAME_IN_USE).error).count(advice) == 1
        assert advice not in str(start(WRONG_CALL_STATE).error)
        assert advice not in str(start(NOT_FOUND).error)

    @pytest.mark.parametrize(
        ("reply", "error_class"), [(response(429), SignalWireRateLimitError), (unsent(), SignalWireConnectionError)]
    )
    def test_for_now_is_started_again_until_attempts_are_used_up(self, reply, error_class):
        outcome = start(*[reply] * 3, attempts=3)
        error = outcome.expect(error_class)
        assert outcome.sent == "SSS"
        assert warnings(error) == str(error).endswith(IF_PROCESSED) == (error_class is SignalWireRateLimitError)


class TestFailedCleanup:
    @pytest.mark.parametrize("status", [401, 405, 501])
    def test_is_reported_with_the_original_error(self, status):
        outcome = start(lost(), response(status))
        message = str(outcome.expect(SignalWireConnectionError))
        assert f"The attempt to stop it failed: Could not stop stream 'dag.task' on call 'call': SignalWire returned {status}" in message  # fmt: skip  # noqa: E501
        assert message.endswith(MAY_BE_RUNNING)
        assert outcome.sent == "SX"

    def test_that_times_out_is_reported_after_30_seconds(self):
        outcome = start(response(200, b"{"), Always(LEFTOVER_QUEUED, LIVE))
        message = str(outcome.expect(SignalWireResponseError))
        assert 29 <= outcome.elapsed <= 32
        assert "The attempt to stop it failed: Gave up waiting for stream 'OLD' on call 'call' to stop" in message
        assert message.endswith(MAY_BE_RUNNING)
        assert "Raise 'timeout'" not in message  # this wait has no parameter

    def test_with_transient_failures_is_reported_once(self):
        outcome = start(lost(), Always(response(503)))
        message = str(outcome.expect(SignalWireConnectionError))
        assert message.count("The attempt to stop it failed") == message.count("503") == warnings(message) == 1


def test_try_that_airflow_has_given_up_stops_nothing():
    outcome = start(lost(), may_stop=lambda: False)
    message = str(outcome.expect(SignalWireConnectionError))
    assert outcome.sent == "S"
    assert "Airflow has given up this try; the stream's name belongs to the next one." in message
    assert message.endswith(MAY_BE_RUNNING)


def test_failure_is_quoted_once_in_the_log(caplog):
    start(response(503), LEFTOVER_STOPPED, STARTED)
    assert caplog.text.count("SignalWire returned 503") == 1
    assert "Stopping the stream named 'dag.task', in case it was started" in caplog.text


class TestLeftoverOfAnEarlierTry:
    def test_stops_and_starts_nothing_in_a_try_that_airflow_has_given_up(self):
        outcome = start(may_stop=lambda: False, unproven_since=WALL)
        message = str(outcome.expect(SignalWireError))
        assert outcome.sent == ""
        assert "was not started. Airflow has given up this try" in message
        assert message.endswith(MAY_BE_RUNNING)

    def test_is_stopped_before_the_start(self, caplog):
        outcome = start(LEFTOVER_QUEUED, LIVE, LEFTOVER_STOPPED, STARTED, unproven_since=WALL - 60)
        assert (outcome.sent, outcome.stopped_by) == ("X?XS", [NAME, "OLD"])
        assert "An earlier start has an unknown outcome. A stream named 'dag.task' may be running on" in caplog.text

    def test_that_is_not_found_does_not_prevent_the_start(self):
        assert start(NOT_FOUND, LIVE, STARTED, unproven_since=WALL - 60).sent == "X?S"

    def test_that_cannot_be_stopped_prevents_the_start(self):
        outcome = start(response(401), unproven_since=WALL - 60)
        message = str(outcome.expect(SignalWireAuthenticationError))
        assert outcome.sent == "X"
        assert "may be running on call 'call' since 2026-01-02T03:03:05+00:00." in message
        assert warnings(message) == 1

    def test_that_was_started_before_this_try_is_the_one_that_was_stopped(self):
        assert warnings(start(*replies("old 401"), unproven_since=WALL - 60).error) == 0

    def test_that_was_not_found_is_in_the_error_of_a_refused_start(self):
        outcome = start(NOT_FOUND, LIVE, WRONG_CALL_STATE, NOT_FOUND, LIVE, attempts=1, unproven_since=WALL - 60)
        assert "since 2026-01-02T03:03:05+00:00." in str(outcome.error)


class TestPossiblyRunningSince:
    @pytest.mark.parametrize("failure", [response(429), unsent()])
    def test_is_the_time_of_the_request_until_it_is_known_to_be_not_processed(self, failure):
        one = new_start()
        assert one.possibly_running_since is None
        attempts = RetryPolicy(SETTINGS).drive(one.run())
        next(attempts)
        assert one.possibly_running_since is not None
        pause = attempts.send(failure)
        assert isinstance(pause, Pause)
        assert one.possibly_running_since is None
        next(attempts)
        attempts.close()  # the task is killed
        assert one.possibly_running_since is not None

    @pytest.mark.parametrize(
        ("script", "since"),
        [
            ("started", None),
            ("504 404 live lost stopped started", None),
            ("in-use", None),
            ("lost stopped 401", None),
            ("lost-late 404 live 501 404 live", WALL),  # the first of both
        ],
    )
    def test_after_the_start(self, script, since):
        one = new_start()
        run(one.run(), *replies(script))
        assert one.possibly_running_since == since


def killed_start(**options):
    """A start whose task ended while the request was sent."""
    one = new_start(**options)
    attempts = RetryPolicy(SETTINGS).drive(one.run())
    next(attempts)
    attempts.close()
    return one


class TestAbandon:
    def test_of_the_second_start_still_warns_of_the_first(self):
        one = new_start(unproven_since=WALL)
        attempts = RetryPolicy(SETTINGS).drive(one.run())
        for reply in (None, NOT_FOUND, LIVE):  # the stop of the first one finds nothing
            attempts.send(reply)
        attempts.close()
        assert run(one.abandon(seconds=8), LEFTOVER_QUEUED).result == "stopped"
        assert one.possibly_running_since == WALL

    @pytest.mark.parametrize("second", [LIVE, NOT_FOUND])
    def test_keeps_looking_for_a_stream_that_is_not_found(self, second):
        outcome = run(killed_start().abandon(seconds=8), NOT_FOUND, second, NOT_FOUND, second, LEFTOVER_QUEUED)
        assert (outcome.result, outcome.sent) == ("stopped", "X?X?X")

    @pytest.mark.parametrize("script", ["old old queued", "lost 404 live old queued"])
    def test_keeps_looking_after_a_stop_that_proves_nothing(self, script):
        outcome = run(killed_start().abandon(seconds=8), *replies(script))
        assert outcome.result == "stopped"
        assert set(outcome.stopped_by) == {NAME}

    @pytest.mark.parametrize("script", ["404 live", "old"])
    def test_times_out_and_still_warns(self, script):
        one = killed_start()
        outcome = run(one.abandon(seconds=8), Always(*replies(script)))
        outcome.expect(SignalWireTimeoutError)
        assert 7 <= outcome.elapsed <= 10
        assert "A stream named 'dag.task' may be running on call 'call' since " in one.warning()

    def test_ends_with_the_call(self):
        assert run(killed_start().abandon(seconds=8), NOT_FOUND, call("completed")).result == "call_ended"

    def test_stops_a_started_stream_by_its_sid(self):
        one = new_start()
        run(one.run(), STARTED)  # its record was not stored
        outcome = run(one.abandon(seconds=8), stream("queued", sid="NEW", name=NAME))
        assert outcome.stopped_by == ["NEW"]

    def test_stops_nothing_that_belongs_to_the_next_try(self):
        assert run(killed_start(may_stop=lambda: False).abandon(seconds=8)).result == "not_allowed"


def test_poller_of_a_started_stream_takes_a_404_for_its_end():
    one = new_start()
    run(one.run(), STARTED)
    assert run(one.make_poller().poll(None), NOT_FOUND, LIVE).result.record["status"] == "stopped"


def test_ids_of_another_stream_are_not_used(caplog):
    one = new_start()
    with caplog.at_level(logging.WARNING):
        run(one.run(), stream("in-progress", sid="NEW", name="other"))
    assert caplog.messages == ["The record is about another stream than the one started; its ids are not used."]
    assert run(one.abandon(seconds=8), stream("stopped")).stopped_by == [NAME]


def test_started_stream_whose_record_has_no_name_is_stopped_by_its_sid(caplog):
    one = new_start()
    with caplog.at_level(logging.WARNING):
        run(one.run(), stream("in-progress", sid="NEW", name=None))
    assert caplog.messages == []
    assert run(one.abandon(seconds=8), stream("stopped")).stopped_by == ["NEW"]


def test_telephone_number_in_a_name_is_masked_everywhere(caplog):
    caplog.set_level(logging.INFO)
    name = "call of +15551234567"
    request = endpoints.start_call_stream("project", "call", url="wss://x", name=name)
    flow = StreamStart(request, account_sid="project", parent_sid="call", name=name).run()
    settings = dataclasses.replace(SETTINGS, max_attempts=1)
    error = run(flow, lost(), NOT_FOUND, LIVE, settings=settings).error
    assert "A stream named 'call of +***4567' may be running" in str(error)
    assert "5551234567" not in f"{error} {caplog.text}"


@pytest.mark.parametrize(
    "script",
    [
        lambda quote: [lost(), quote(400), LIVE],
        lambda quote: [lost(), quote(503), LEFTOVER_STOPPED, STARTED],
        lambda quote: [lost(), NOT_FOUND, quote(500), LIVE, STARTED],
        lambda quote: [lost(), LEFTOVER_QUEUED, quote(500), LIVE, LEFTOVER_STOPPED, STARTED],
    ],
)
def test_cleanup_that_quotes_the_start_shows_no_secret(caplog, script):
    options = {
        "url": "wss://x.example/?key=url-secret",
        "authorization_bearer_token": "token-secret",
        "parameters": {"pin": "pin-secret"},
    }
    request = endpoints.start_call_stream("project", "call", name=NAME, **options)
    start = StreamStart(request, account_sid="project", parent_sid="call", name=NAME)
    outcome = run(start.run(), *script(lambda status: response(status, {"message": f"Sent was {options}."})))
    shown = f"{caplog.text} {outcome.error} {start.make_poller()}"
    assert "Sent was" in shown
    assert "-secret" not in shown
