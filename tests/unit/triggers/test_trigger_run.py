"""What the triggers send: one event, for every way the wait can end, and nothing after it."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.client.flows import wait as waiting
from airflow_provider_signalwire.client.policy import retry as retrying
from airflow_provider_signalwire.triggers.base import FlowTrigger
from airflow_provider_signalwire.triggers.call import CallStatusTrigger
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

STOPS = {"method": "POST", "path_contains": "/Streams/"}
LOOKS_AT_CALL = {"method": "GET", "path_contains": "/Calls/"}
NEVER_STOPS = {"match": STOPS, "times": None, "kind": "patch", "set": {"status": "in-progress"}}


@pytest.fixture
def call(simulator, connection):
    [call] = simulator.seed(streams=[{"name": "media"}, {"name": "other"}])
    return call


def stream_trigger(call, **arguments):
    return CallStreamStoppedTrigger(
        **{
            "call_sid": call["sid"],
            "stream_sid": "media",
            "account_sid": None,
            "signalwire_conn_id": "signalwire_default",
            "poll_interval": 0.05,
            "deadline": time.time() + 20,
            "last_status": "queued",
            **arguments,
        }
    )


def call_trigger(call, **arguments):
    return CallStatusTrigger(
        **{
            "call_sid": call["sid"],
            "account_sid": None,
            "signalwire_conn_id": "signalwire_default",
            "poll_interval": 0.05,
            "deadline": time.time() + 20,
            "last_status": "ringing",
            "target_statuses": ["in-progress"],
            **arguments,
        }
    )


async def events_of(trigger):
    return [event.payload async for event in trigger.run()]


async def test_sends_the_unchanged_record_once(simulator, call):
    simulator.set_faults([{"match": STOPS, "times": 2, "kind": "patch", "set": {"status": "queued"}}])

    [event] = await events_of(stream_trigger(call))

    record = simulator.state.stop_stream(simulator.project, call["sid"], "media", {"Status": "stopped"})
    assert event == {"status": "success", "record": record}
    assert len(simulator.requests("/Streams/")) == 3


async def test_begins_with_a_pause_after_a_look_and_without_one_otherwise(simulator, call):
    began = time.monotonic()
    await events_of(stream_trigger(call, poll_interval=0.2))
    assert time.monotonic() - began >= 0.1  # half of it at the least

    began = time.monotonic()
    await events_of(stream_trigger(call, poll_interval=15, last_status=None))
    assert time.monotonic() - began < 10


async def test_a_call_that_has_ended_ends_the_wait(simulator, call):
    simulator.state.end_call(call["sid"])

    [event] = await events_of(stream_trigger(call))

    assert event["status"] == "success"
    assert (event["record"]["status"], event["record"]["name"]) == ("stopped", None)


async def test_ignores_a_missing_stream_if_told_to(call):
    assert await events_of(stream_trigger(call, stream_sid="gone", ignore_if_missing=True)) == [
        {"status": "success", "record": None}
    ]


async def test_reads_a_call_until_it_is_as_waited_for(simulator, call):
    simulator.set_faults([{"match": LOOKS_AT_CALL, "times": 2, "kind": "patch", "set": {"status": "ringing"}}])

    [event] = await events_of(call_trigger(call))

    assert event == {"status": "success", "record": simulator.state.call(simulator.project, call["sid"])}
    assert len(simulator.requests()) == 3


async def test_a_call_that_ended_otherwise_is_an_error(simulator, call):
    simulator.state.end_call(call["sid"], "failed")

    [event] = await events_of(call_trigger(call))

    assert (event["status"], event["error"]) == ("error", "SignalWireCallEndedError")


@pytest.mark.parametrize("make_trigger", [stream_trigger, call_trigger])
async def test_a_deadline_in_the_past_ends_the_wait_unsent(simulator, call, make_trigger):
    [event] = await events_of(make_trigger(call, deadline=time.time() - 1, poll_interval=60))

    assert (event["status"], event["error"]) == ("error", "SignalWireTimeoutError")
    assert call["sid"] in event["message"]
    assert simulator.requests() == []


async def test_the_deadline_is_the_wall_clocks(simulator, call, monkeypatch):
    simulator.set_faults([NEVER_STOPS])
    real = time.time

    def after_a_standstill():
        return real() + (3600 if simulator.requests() else 0)

    monkeypatch.setattr(waiting, "time", SimpleNamespace(time=after_a_standstill))

    [event] = await events_of(stream_trigger(call, deadline=real() + 3000))

    assert event["error"] == "SignalWireTimeoutError"
    assert "'in-progress'" in event["message"]
    assert "'media'" in event["message"]
    assert len(simulator.requests("/Streams/")) == 1


async def test_looks_once_more_at_the_deadline(simulator, call):
    [event] = await events_of(stream_trigger(call, poll_interval=3600, deadline=time.time() + 0.2))

    assert event["status"] == "success"


@pytest.mark.parametrize(
    ("fault", "error", "requests"),
    [
        ({"kind": "status", "status": 401}, "SignalWireAuthenticationError", 1),
        ({"kind": "status", "status": 404}, "SignalWireNotFoundError", 1),
        ({"kind": "status", "status": 429}, "SignalWireRateLimitError", 3),
        ({"kind": "status", "status": 500}, "SignalWireServerError", 3),
        ({"kind": "reset"}, "SignalWireConnectionError", 3),
        ({"kind": "truncate"}, "SignalWireResponseError", 3),
        ({"kind": "oversize"}, "SignalWireResponseError", 3),
    ],
    ids=lambda value: str(value),
)
async def test_an_error_is_sent_after_bounded_tries(
    simulator, make_connection, call, monkeypatch, fault, error, requests
):
    make_connection(extra={"max_attempts": 3})
    monkeypatch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
    simulator.set_faults([{"match": STOPS, "times": None, **fault}])

    [event] = await events_of(stream_trigger(call))

    assert (event["status"], event["error"]) == ("error", error)
    assert len(simulator.requests("/Streams/")) == requests


async def test_a_failure_that_passes_is_ridden_out(simulator, call, monkeypatch):
    monkeypatch.setattr(retrying, "_BACKOFF", lambda retry_state: 0.0)
    simulator.set_faults([{"match": STOPS, "times": 3, "kind": "status", "status": 503}])

    [event] = await events_of(stream_trigger(call))

    assert event["status"] == "success"


async def test_a_broken_connection_is_an_error_event(simulator, call, make_connection):
    make_connection(login="")

    [event] = await events_of(stream_trigger(call))

    assert (event["status"], event["error"]) == ("error", "SignalWireConfigurationError")
    assert simulator.requests() == []


@pytest.mark.parametrize("make_trigger", [stream_trigger, call_trigger])
async def test_cancelling_sends_nothing_more(simulator, call, make_trigger):
    simulator.set_faults([NEVER_STOPS])
    trigger = make_trigger(call, target_statuses=["completed"]) if make_trigger is call_trigger else make_trigger(call)
    running = asyncio.create_task(events_of(trigger))
    while len(simulator.requests()) < 4:
        await asyncio.sleep(0.01)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    sent = len(simulator.requests())
    await trigger.cleanup()
    if hasattr(trigger, "on_kill"):
        await trigger.on_kill()

    # Time enough for a dozen more requests, had it gone on.
    simulator.set_faults([])
    other = stream_trigger(call, stream_sid="other", poll_interval=0.3)
    assert [event["status"] for event in await events_of(other)] == ["success"]
    # One that was on its way when it was cancelled may have arrived after the count.
    assert len([request for request in simulator.requests() if "/other" not in request["path"]]) <= sent + 1


async def test_many_wait_side_by_side(simulator, connection):
    simulator.reset(stop_delay_ms=500)
    calls = simulator.seed(count=20, streams=[{"name": "media"}])
    began = time.monotonic()

    ends = await asyncio.gather(*(events_of(stream_trigger(call, last_status=None)) for call in calls))

    assert [event["record"]["status"] for [event] in ends] == ["stopped"] * 20
    assert time.monotonic() - began < 20 * 0.5


def test_a_kind_of_trigger_has_to_say_what_it_does():
    trigger = FlowTrigger(
        call_sid="call", account_sid=None, signalwire_conn_id="c", poll_interval=1, deadline=0, last_status=None
    )
    with pytest.raises(NotImplementedError):
        trigger.flow("project")
