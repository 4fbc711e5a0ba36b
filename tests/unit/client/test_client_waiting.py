"""Waiting for a stream's stop or a call's status: how often it looks, and when it gives up."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_signalwire.client.flows.stop import Pause
from airflow_provider_signalwire.client.flows.wait import (
    look_at_stream,
    wait_for_call_status,
    wait_until_stream_stopped,
)
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import (
    SignalWireCallEndedError,
    SignalWireNotFoundError,
    SignalWireTimeoutError,
)


def answers(method, *statuses):
    """Let the API answer with these statuses, one after the other."""
    return [{"kind": "patch", "set": {"status": status}, "match": {"method": method}} for status in statuses]


def methods(simulator):
    return [request["method"] for request in simulator.requests()]


@pytest.fixture
def wait(run, target):
    """Wait for the stop of the target."""

    def wait(*, poll_interval=5, timeout=60, **options):
        deadline = time.time() + timeout
        return run(wait_until_stream_stopped(*target.ids, poll_interval=poll_interval, deadline=deadline, **options))

    return wait


@pytest.fixture
def wait_for_call(run, target):
    """Wait for the target's call."""

    def wait(*statuses, poll_interval=5, timeout=60, **options):
        deadline = time.time() + timeout
        return run(
            wait_for_call_status(*target[:2], statuses, poll_interval=poll_interval, deadline=deadline, **options)
        )

    return wait


# How much longer a pause may be, so that many flows' pauses end together.
SHARED_WAKE_UP = 0.0201


def about(seconds):
    """Pauses are spread by a tenth, so that many waiting tasks do not look together."""
    return pytest.approx(seconds, rel=0.1001 + SHARED_WAKE_UP / 5)


class TestWaitingForAStop:
    def test_a_stream_that_has_stopped_is_looked_at_once(self, wait, simulator, clock):
        assert wait()["status"] == "stopped"
        assert methods(simulator) == ["POST"]
        assert clock.waits == []

    def test_it_is_asked_for_again_until_it_is_stopped(self, wait, simulator, target, clock):
        simulator.set_faults(answers("POST", "queued", "in-progress", "winding-down"))
        record = wait()
        assert (record["sid"], record["status"], record["name"]) == (target.stream_sid, "stopped", target.stream_name)
        assert methods(simulator) == ["POST"] * 4
        assert {request["form"]["Status"] for request in simulator.requests()} == {"stopped"}
        assert clock.waits == about([5, 5, 5])

    def test_the_calls_end_ends_the_wait_although_the_stop_is_still_accepted(self, wait, simulator, target, clock):
        simulator.set_faults([*answers("POST", *["queued"] * 40), *answers("GET", "in-progress", "completed")])
        record = wait(timeout=600)
        assert (record["sid"], record["status"], record["name"]) == (target.stream_sid, "stopped", None)
        assert methods(simulator) == (["POST"] * 20 + ["GET"]) * 2
        assert clock.waits == about([5] * 39)

    def test_it_gives_up_at_the_deadline(self, wait, simulator, target, clock):
        simulator.set_faults([{"kind": "patch", "set": {"status": "queued"}, "match": {"method": "POST"}, "times": 99}])
        with pytest.raises(SignalWireTimeoutError) as caught:
            wait(poll_interval=5, timeout=12)
        assert str(caught.value).startswith(
            f"Gave up waiting for stream '{target.stream_sid}' on call '{target.call_sid}' to stop: "
            "its last status was 'queued' when the time was over. Raise 'timeout'"
        )
        # The last pause ends with the deadline, and a last look follows it.
        assert clock.waits[:2] == about([5, 5])
        assert 0.5 < clock.waits[2] <= 3 + SHARED_WAKE_UP
        assert len(clock.waits) == 3
        assert methods(simulator) == ["POST"] * 4

    @pytest.mark.parametrize(("draw", "pause"), [(min, 4.5), (max, 5.5)])
    def test_a_pause_differs_by_a_tenth_at_the_most(self, wait, simulator, clock, monkeypatch, draw, pause):
        monkeypatch.setattr("random.uniform", lambda low, high: draw(low, high))
        simulator.set_faults(answers("POST", "queued"))
        wait(poll_interval=5)
        assert clock.waits == [pytest.approx(pause, abs=SHARED_WAKE_UP)]

    def test_a_deadline_that_is_over_allows_one_look(self, wait, simulator, clock):
        simulator.set_faults(answers("POST", "queued"))
        with pytest.raises(SignalWireTimeoutError):
            wait(timeout=-1)
        assert methods(simulator) == ["POST"]
        assert clock.waits == []

    @pytest.mark.parametrize(("draw", "pause"), [(min, 2.5), (max, 5)])
    def test_a_wait_that_goes_on_begins_with_a_pause(self, wait, simulator, clock, monkeypatch, draw, pause):
        monkeypatch.setattr("random.uniform", lambda low, high: draw(low, high))
        assert wait(last_status="queued")["status"] == "stopped"
        assert clock.waits == [pytest.approx(pause, abs=SHARED_WAKE_UP)]

    def test_a_wait_that_goes_on_too_late_does_not_look(self, wait, simulator, clock):
        with pytest.raises(SignalWireTimeoutError, match="its last status was 'in-progress'"):
            wait(last_status="in-progress", timeout=0)
        assert simulator.requests() == []

    def test_a_stream_that_is_gone_ends_the_wait(self, wait, simulator, clock):
        gone = {"kind": "status", "status": 404, "match": {"method": "POST"}}
        simulator.set_faults([*answers("POST", "queued"), gone])
        with pytest.raises(SignalWireNotFoundError):
            wait()
        simulator.set_faults([*answers("POST", "queued"), gone])
        assert wait(ignore_if_missing=True) is None
        assert clock.waits == about([5, 5])

    def test_looking_returns_what_it_sees(self, run, simulator, target):
        simulator.set_faults(answers("POST", "queued"))
        assert run(look_at_stream(*target.ids))["status"] == "queued"


class TestWaitingForACall:
    def test_a_call_that_is_there_already_is_looked_at_once(self, wait_for_call, simulator, target, clock):
        call = wait_for_call("completed", "in-progress")
        assert (call["sid"], call["status"]) == (target.call_sid, "in-progress")
        assert methods(simulator) == ["GET"]
        assert clock.waits == []

    def test_it_is_looked_at_until_it_is_there(self, wait_for_call, simulator, clock):
        simulator.set_faults(answers("GET", "queued", "ringing", "in-progress", "completed"))
        assert wait_for_call("completed")["status"] == "completed"
        assert methods(simulator) == ["GET"] * 4
        assert clock.waits == about([5, 5, 5])

    @pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
    def test_another_end_fails_at_once(self, wait_for_call, simulator, target, clock, status):
        simulator.set_faults(answers("GET", "ringing", status))
        with pytest.raises(SignalWireCallEndedError) as caught:
            wait_for_call("in-progress", "completed")
        assert f"Call '{target.call_sid}' has ended as '{status}'" in str(caught.value)
        assert "never be 'in-progress' or 'completed'" in str(caught.value)
        assert clock.waits == about([5])

    def test_it_gives_up_at_the_deadline(self, wait_for_call, simulator, target, clock):
        with pytest.raises(SignalWireTimeoutError) as caught:
            wait_for_call("completed", poll_interval=50, timeout=60)
        assert f"waiting for call '{target.call_sid}' to be 'completed': its last status was 'in-progress'" in str(
            caught.value
        )
        assert clock.waits[0] == about(50)
        assert 4 < clock.waits[1] <= 15 + SHARED_WAKE_UP

    def test_an_unknown_call_is_an_error(self, run, simulator):
        with pytest.raises(SignalWireNotFoundError):
            run(
                wait_for_call_status(
                    simulator.project, "unknown", {"completed"}, poll_interval=1, deadline=time.time() + 60
                )
            )


@pytest.mark.parametrize(("seconds", "paused"), [(4.981, 5.0), (4.99, 5.0), (4.999, 5.0), (5.001, 5.02)])
def test_pauses_that_end_at_about_the_same_time_wake_the_event_loop_once(settings, clock, monkeypatch, seconds, paused):
    def pausing():
        yield Pause(seconds)

    monkeypatch.setattr("time.monotonic", lambda: 1000.0 + clock.offset)
    asyncio.run(SignalWireAsyncClient(settings).run(pausing()))
    assert clock.waits == [pytest.approx(paused)]
