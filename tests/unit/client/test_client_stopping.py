"""Asking for a stop: its record, and what a refusal means."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.exceptions import (
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireServerError,
)

ENDED_STATUSES = ["completed", "canceled", "busy", "failed", "no-answer"]


def test_the_record_is_returned_unchanged(run, simulator, target):
    simulator.reset(stop_delay_ms=60_000)
    [call] = simulator.seed(streams=[{"name": "one"}])
    [stream] = call["streams"]
    record = run(stop_stream(simulator.project, call["sid"], stream["sid"]))
    assert record == {
        "sid": stream["sid"],
        "account_sid": simulator.project,
        "call_sid": call["sid"],
        "name": "one",
        "status": "queued",
        "date_updated": record["date_updated"],
        "uri": f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{call['sid']}/Streams/{stream['sid']}.json",
    }


@pytest.mark.parametrize("status", ENDED_STATUSES)
def test_a_stream_of_an_ended_call_has_stopped(run, simulator, caplog, status):
    [call] = simulator.seed(status=status, streams=[{"name": "one"}])
    [stream] = call["streams"]
    with caplog.at_level(logging.INFO):
        record = run(stop_stream(simulator.project, call["sid"], stream["sid"]))
    [ended] = simulator.state.snapshot()["calls"]
    assert record == {
        "sid": stream["sid"],
        "account_sid": simulator.project,
        "call_sid": call["sid"],
        "name": None,
        "status": "stopped",
        "date_updated": ended["end_time"],
        "uri": f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{call['sid']}/Streams/{stream['sid']}.json",
    }
    assert ended["end_time"]
    assert f"Stream '{stream['sid']}' on call '{call['sid']}' is 'stopped': its call has ended (" in caplog.text


def test_a_stream_that_an_ended_call_no_longer_knows_has_stopped(run, simulator):
    [call] = simulator.seed(status="completed")
    assert run(stop_stream(simulator.project, call["sid"], "gone"))["status"] == "stopped"


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_every_kind_of_refusal_leads_to_a_look_at_the_call(run, simulator, target, status):
    simulator.state.end_call(target.call_sid)
    simulator.set_faults([{"kind": "status", "status": status, "match": {"method": "POST"}}])
    assert run(stop_stream(*target.ids))["status"] == "stopped"
    assert [request["method"] for request in simulator.requests()] == ["POST", "GET"]


def test_an_unknown_stream_of_a_live_call_is_an_error(run, simulator, target):
    with pytest.raises(SignalWireNotFoundError, match=r"The call is 'in-progress'\.$") as caught:
        run(stop_stream(*target[:2], "unknown"))
    assert f"Tried to stop stream 'unknown' on call '{target.call_sid}'" in str(caught.value)


def test_an_unknown_call_is_an_error_that_says_so(run, simulator):
    with pytest.raises(SignalWireNotFoundError, match=r"There is no call 'unknown'\.$"):
        run(stop_stream(simulator.project, "unknown", "stream"))
    assert len(simulator.requests()) == 2


@pytest.mark.parametrize("call_sid", ["known", "unknown"])
def test_what_is_missing_can_be_ignored(run, simulator, caplog, call_sid):
    simulator.seed(sid="known")
    with caplog.at_level(logging.INFO):
        assert run(stop_stream(simulator.project, call_sid, "missing", ignore_if_missing=True)) is None
    assert f"Stream 'missing' on call '{call_sid}' is missing, which is no error here (" in caplog.text


@pytest.mark.parametrize("status", [400, 409, 422])
def test_another_refusal_cannot_be_ignored(run, simulator, target, status):
    simulator.set_faults([{"kind": "status", "status": status, "match": {"method": "POST"}}])
    with pytest.raises(SignalWireRequestError):
        run(stop_stream(*target.ids, ignore_if_missing=True))


def test_ignoring_what_is_missing_does_not_hide_an_ended_call(run, simulator):
    [call] = simulator.seed(status="busy")
    assert run(stop_stream(simulator.project, call["sid"], "gone", ignore_if_missing=True))["status"] == "stopped"


def test_a_look_that_fails_is_an_error_of_its_own(run, simulator, target, clock):
    simulator.set_faults([{"kind": "status", "status": 500, "match": {"method": "GET"}, "times": None}])
    with pytest.raises(SignalWireServerError, match="Tried to read call"):
        run(stop_stream(*target[:2], "unknown", ignore_if_missing=True), max_attempts=2)
