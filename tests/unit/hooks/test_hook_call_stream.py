"""The hook's call_stream(): its stream is stopped at the end of the block, or an error says that it may be running."""

from __future__ import annotations

import asyncio
import logging

import pytest
from interrupted_request import interrupt
from simulated import STARTS, STOPS, running, streams

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireRequestError,
    SignalWireTimeoutError,
)
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

URL = "wss://media.example.com/stream"
REFUSED_STOP = {"match": STOPS, "times": None, "kind": "status", "status": 401}


@pytest.fixture
def call_sid(simulator, connection, no_backoff):
    [call] = simulator.seed()
    return call["sid"]


def run_sync(call_sid, work, **options):
    with SignalWireHook().call_stream(call_sid, URL, **options) as record:
        work(record)
    return record


def run_async(call_sid, work, **options):
    async def run():
        async with SignalWireHook().call_stream(call_sid, URL, **options) as record:
            work(record)
        return record

    return asyncio.run(run())


@pytest.fixture(params=[run_sync, run_async], ids=["with", "async with"])
def run_block(request, call_sid):
    """Run a block around some work."""
    return lambda work, **options: request.param(call_sid, work, **options)


def fail(record):
    raise RuntimeError("the work has failed")


def test_block_gets_the_record_and_leaves_no_stream(simulator, run_block, caplog):
    seen = []
    with caplog.at_level(logging.INFO):
        record = run_block(lambda record: seen.extend(running(simulator)))
    assert seen == [record["sid"]]
    assert running(simulator) == []
    assert "Stream is stopped: " in caplog.text


def test_asynchronous_block_does_not_look_the_connection_up_in_its_event_loop(simulator, call_sid, monkeypatch):
    monkeypatch.setattr(SignalWireHook, "get_connection", lambda *_: pytest.fail("this blocks"))
    assert run_async(call_sid, lambda record: None)["call_sid"] == call_sid


def test_default_names_are_unique(run_block):
    names = {run_block(lambda record: None)["name"] for _ in range(2)}
    assert len(names) == 2


def test_stream_is_stopped_if_the_block_fails(simulator, run_block):
    with pytest.raises(RuntimeError, match="the work has failed"):
        run_block(fail)
    assert [stream["status"] for stream in streams(simulator)] == ["stopped"]


def test_stop_that_fails_is_raised(simulator, run_block):
    simulator.set_faults([REFUSED_STOP])
    with pytest.raises(SignalWireAuthenticationError):
        run_block(lambda record: None)


def test_stop_that_fails_does_not_hide_why_the_block_failed(simulator, run_block):
    simulator.set_faults([REFUSED_STOP])
    with pytest.raises(RuntimeError, match="the work has failed") as caught:
        run_block(fail, name="bot")
    [note] = caught.value.__notes__
    assert "A stream named 'bot' may be running on call" in note
    assert "401" in note


def test_stop_waits_until_the_timeout(simulator, run_block):
    simulator.set_faults([{"match": STOPS, "times": None, "kind": "patch", "set": {"status": "queued"}}])
    with pytest.raises(SignalWireTimeoutError, match="its last status was 'queued'"):
        run_block(lambda record: None, timeout=0.1)
    with pytest.raises(SignalWireConfigurationError, match="'timeout' is -1"):
        run_block(lambda record: None, timeout=-1)


def test_stream_that_has_stopped_in_the_block_is_no_error(simulator, run_block, call_sid):
    run_block(lambda record: SignalWireHook().stop_call_stream(call_sid, record["sid"]))
    run_block(lambda record: SignalWireHook().update_call(call_sid, status="completed"))
    assert running(simulator) == []


def test_refused_start_does_not_run_the_block(simulator, run_block, call_sid):
    SignalWireHook().update_call(call_sid, status="completed")
    with pytest.raises(SignalWireRequestError):
        run_block(lambda record: pytest.fail("the block runs"))
    assert simulator.requests("/Streams/") == []


def test_start_whose_stream_may_run_says_so(simulator, run_block, make_connection):
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([{"match": STARTS, "kind": "reset", "when": "after"}, REFUSED_STOP])
    with pytest.raises(SignalWireConnectionError, match="may be running on call"):
        run_block(lambda record: pytest.fail("the block runs"))


def test_interrupted_start_is_stopped(simulator, call_sid, monkeypatch):
    interrupt(monkeypatch, KeyboardInterrupt(), when="after")
    with pytest.raises(KeyboardInterrupt), SignalWireHook().call_stream(call_sid, URL):
        pytest.fail("the block runs")
    assert [stream["status"] for stream in streams(simulator)] == ["stopped"]


def test_interrupted_start_that_was_not_processed_is_looked_for_only_briefly(call_sid, monkeypatch, clock):
    interrupt(monkeypatch, KeyboardInterrupt(), when="before")
    with pytest.raises(KeyboardInterrupt) as caught, SignalWireHook().call_stream(call_sid, URL, name="bot"):
        pytest.fail("the block runs")
    assert "A stream named 'bot' may be running" in caught.value.__notes__[0]
    assert sum(clock.pauses) == pytest.approx(3)


def test_cancelled_start_is_stopped(simulator, call_sid):
    simulator.set_faults([{"match": STARTS, "kind": "hang", "seconds": 30, "when": "after"}])

    async def run():
        async with SignalWireHook().call_stream(call_sid, URL):
            pytest.fail("the block runs")

    async def cancel():
        task = asyncio.create_task(run())
        while not streams(simulator):
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert [stream["status"] for stream in streams(simulator)] == ["stopped"]


def test_project_and_options_are_used(make_subproject):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject)
    hook = SignalWireHook(connection, account_sid=subproject)
    with hook.call_stream(call["sid"], URL, parameters={"language": "en"}) as record:
        assert record["account_sid"] == subproject
    [request] = [each for each in server.requests("/Streams") if "Url" in each["form"]]
    assert request["form"]["Parameter1.Value"] == "en"
