"""Stopping a stream: its record, and what a refusal means."""

from __future__ import annotations

import logging

import pytest
from scripted import IDS, MONOTONIC, call, lost, response, run, stream

from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireServerError,
)

ENDED_STATUSES = ["completed", "canceled", "busy", "failed", "no-answer"]
LIVE_STATUSES = ["queued", "ringing", "in-progress"]
NOT_FOUND = response(404)
LIVE = call("in-progress")


def stop(*script, **options):
    return run(stop_stream(*IDS, **options), *script)


@pytest.mark.parametrize("status", ["queued", "in-progress", "stopped", "unheard-of"])
def test_accepted_stop_returns_the_record_unchanged(status):
    outcome = stop(stream(status, new={"key": [1]}))
    assert outcome.result.record == {
        "sid": "stream", "account_sid": "project", "call_sid": "call", "name": "name", "status": status,
        "date_updated": None, "uri": "/api/laml/x", "new": {"key": [1]},
    }  # fmt: skip
    assert (outcome.result.outcome, outcome.result.is_same_stream) == ("stopped", True)
    assert [request.body for request in outcome.requests] == [b"Status=stopped"]


@pytest.mark.parametrize(
    ("keys", "is_same"),
    [
        ({"sid": "other", "name": "STREAM"}, True),  # stopped by name
        ({"sid": "STREAM", "call_sid": "CALL", "name": None}, True),
        ({"sid": "other", "name": "other"}, False),
        ({"sid": "other", "name": None}, False),
        ({"call_sid": "other"}, False),
        ({"call_sid": None}, False),
    ],
)
def test_record_about_another_stream_is_accepted_but_its_ids_are_not_used(keys, is_same):
    outcome = stop(stream("stopped", **keys))
    assert outcome.result.record["sid"] == keys.get("sid", "stream")
    assert outcome.result.is_same_stream is is_same


@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("call_status", ENDED_STATUSES)
def test_refusal_after_the_end_of_the_call_counts_as_success(status, call_status):
    outcome = stop(response(status), call(call_status, end_time="Fri, 02 Jan 2026 03:04:05 GMT"))
    assert outcome.sent == "X?"
    assert outcome.result.outcome == "already_ended"
    assert outcome.result.record == {
        "sid": "stream",
        "account_sid": "project",
        "call_sid": "call",
        "name": None,
        "status": "stopped",
        "date_updated": "Fri, 02 Jan 2026 03:04:05 GMT",
        "uri": "/api/laml/2010-04-01/Accounts/project/Calls/call/Streams/stream.json",
    }


@pytest.mark.parametrize(
    ("script", "status", "end"),
    [
        *(
            ([response(status), call(live)], status, f" The call is '{live}'.")
            for status in (400, 404, 409, 422)
            for live in LIVE_STATUSES
        ),
        ([response(422), call("PT-secret")], 422, " The call's status is unknown."),
        ([NOT_FOUND, NOT_FOUND], 404, " If SWML, a Call Flow or RELAY made it, use StopCallingStreamOperator."),
        *(([response(status)], status, "") for status in (401, 403, 405, 410)),
        ([response(429), NOT_FOUND, LIVE], 404, ""),  # the first attempt was not processed
        *(([lost(), response(status), LIVE], status, "") for status in (400, 409, 422)),
    ],
)
def test_other_refusal_is_raised_with_what_is_known_of_the_call(script, status, end):
    error = stop(*script).error
    assert error.http_status == status
    assert str(error).endswith(end)
    if status != 404:
        assert str(stop(*script, ignore_if_missing=True).error) == str(error)


def test_missing_conference_is_not_looked_for_in_the_calling_api():
    error = run(stop_stream("project", "room", "stream", parent=CONFERENCE), NOT_FOUND, NOT_FOUND).error
    assert "There is no conference 'room'." in str(error)
    assert "StopCallingStreamOperator" not in str(error)


class TestIgnoreIfMissing:
    @pytest.mark.parametrize("second", [LIVE, NOT_FOUND])
    def test_returns_none_to_be_logged_as_a_warning(self, second):
        result = stop(NOT_FOUND, second, ignore_if_missing=True).result
        assert (result.record, result.outcome, result.log_level) == (None, "missing", logging.WARNING)

    def test_does_not_hide_the_end_of_the_call(self):
        assert stop(NOT_FOUND, call("busy"), ignore_if_missing=True).result.outcome == "already_ended"


@pytest.mark.parametrize("second", [LIVE, NOT_FOUND])
@pytest.mark.parametrize("first", [lost(), response(503), response(200, b"{")])
def test_not_found_after_an_unknown_outcome_counts_as_stopped(first, second, caplog):
    result = stop(first, NOT_FOUND, second, ignore_if_missing=True).result
    assert (result.record["status"], result.record["sid"], result.outcome) == ("stopped", "stream", "stopped")
    assert "An earlier attempt may have been processed, and now there is no such stream" in caplog.text


def test_failure_to_read_the_call_is_an_error_of_its_own():
    error = stop(NOT_FOUND, *[response(500)] * 5, ignore_if_missing=True).expect(SignalWireServerError)
    assert str(error).startswith("Could not read call 'call': ")
    stop(NOT_FOUND, response(401)).expect(SignalWireAuthenticationError)


def test_every_request_obeys_the_deadline():
    outcome = stop(NOT_FOUND, call("completed"), deadline=MONOTONIC + 3)
    assert [request.timeout for request in outcome.requests] == [3, 3]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (
            [stream("stopped", name=None)],
            "Stream is stopped: 'stream' on call 'call'. Stop: attempts 1, 0 ms, request ",
        ),
        ([stream("queued", sid="s", name="n")], "Stream is queued: 's' ('n') on call 'call'. "),
        ([NOT_FOUND, call("busy")], "Stream is stopped (its call has ended): 'stream' on call 'call'. "),
        ([NOT_FOUND, call("queued")], "Stream is missing (ignored): 'stream' on call 'call'. "),
        ([NOT_FOUND, NOT_FOUND], "Stream is missing (ignored), because its call is: 'stream' on call 'call'. "),
        ([lost(), stream("stopped", name="+15551234567")], "'stream' ('+***4567') on call 'call'. Stop: attempts 2, "),
        ([response(429), response(404, seconds=2), call("busy")], "Stop: attempts 2, 2"),
    ],
)
def test_result_is_described_in_one_line(script, line):
    assert line in stop(*script, ignore_if_missing=True).result.describe("call", "stream")
