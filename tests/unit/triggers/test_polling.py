"""Triggers: one event for each end of a wait, and nothing after it."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import pytest
from airflow.models.trigger import Trigger
from simulated import READS, STOPS, stop_always_returns, stop_returns
from task_runner import only_event, rebuild

from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.triggers import base
from airflow_provider_signalwire.triggers.base import connection_settings
from airflow_provider_signalwire.triggers.call import CallStatusTrigger
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

NEVER_STOPS = stop_always_returns("in-progress")
COMMON = {"account_sid": None, "signalwire_conn_id": "signalwire_default", "poll_interval": 60, "last_status": None}


@pytest.fixture
def stream_trigger(stream, clock):
    def make(**arguments):
        return CallStreamStoppedTrigger(**{**COMMON, **stream, "deadline": clock.now + 150, **arguments})

    return make


@pytest.fixture
def call_trigger(stream, clock):
    def make(**arguments):
        defaults = {"call_sid": stream["call_sid"], "target_statuses": ["completed"], "deadline": clock.now + 150}
        return CallStatusTrigger(**{**COMMON, **defaults, **arguments})

    return make


@pytest.fixture(params=["stream_trigger", "call_trigger"])
def make_trigger(request):
    return request.getfixturevalue(request.param)


def test_row_holds_ids_strings_and_numbers_only(make_trigger):
    trigger = make_trigger(account_sid="subproject", max_wait=2.5, execution_deadline=1.5, retry_after=3.0)
    row = Trigger.from_object(trigger)
    stored = Trigger._decrypt_kwargs(row.encrypted_kwargs)
    assert row.classpath == f"{type(trigger).__module__}.{type(trigger).__name__}"
    assert rebuild(trigger).serialize() == trigger.serialize() == type(trigger)(**stored).serialize()
    flat = [item for value in stored.values() for item in (value if isinstance(value, list) else [value])]
    assert all(item is None or isinstance(item, (str, int, float)) for item in flat)


async def test_trigger_resumed_after_its_deadline_polls_once(simulator, make_trigger, clock):
    event = await only_event(make_trigger(deadline=clock.now - 3600))
    assert len([request for request in simulator.requests() if "Streams" in request["path"]]) <= 1
    assert len(simulator.requests()) == 1
    if event["status"] == "error":  # the call has not ended
        assert event["error"] == "SignalWireTimeoutError"
        assert "'in-progress'" in event["message"]
    assert clock.pauses in ([], [pytest.approx(0, abs=0.03)])


async def test_deadline_is_wall_time_and_holds_after_a_standstill(simulator, stream_trigger, clock):
    simulator.set_faults([NEVER_STOPS])
    trigger = stream_trigger()
    clock.now += 100  # until the triggerer runs it
    event = await only_event(trigger)
    assert event["error"] == "SignalWireTimeoutError"
    assert [round(pause) for pause in clock.pauses] == [50]


async def test_record_about_other_ids_is_accepted_for_the_ids_requested(simulator, make_trigger, stream):
    other = {"sid": "other", "call_sid": "other", "name": None}
    simulator.set_faults(
        [
            {"match": STOPS, "kind": "patch", "set": {**other, "status": "stopped"}},
            {"match": READS, "kind": "patch", "set": {**other, "status": "completed"}},
        ]
    )
    trigger = make_trigger()
    event = await only_event(trigger)
    assert event["record"]["sid"] == "other"
    assert event["requested"] == {name: sid for name, sid in stream.items() if hasattr(trigger, name)}


async def test_unusable_connection_is_an_error_event(simulator, make_trigger, make_connection):
    make_connection(login="")
    event = await only_event(make_trigger())
    assert (event["status"], event["error"]) == ("error", "SignalWireConfigurationError")
    assert simulator.requests() == []


@pytest.mark.parametrize(("failures", "status"), [(2, "success"), (3, "error")])
async def test_api_server_that_is_away_ends_the_wait_only_at_the_deadline(
    simulator, make_trigger, clock, monkeypatch, caplog, failures, status
):
    errors = [ConnectionRefusedError("The API server is unreachable.")] * failures
    real = SignalWireHook.get_async_settings

    async def fail_at_first(hook):
        if errors:
            raise errors.pop()
        return await real(hook)

    monkeypatch.setattr(SignalWireHook, "get_async_settings", fail_at_first)
    simulator.set_faults([{"match": READS, "kind": "patch", "set": {"status": "completed"}}])
    event = await only_event(make_trigger(deadline=clock.now + 110))
    assert (event["status"], event.get("error")) == (status, None if status == "success" else "SignalWireTimeoutError")
    assert [round(pause) for pause in clock.pauses][:2] == [60, 50]
    assert "The connection could not be looked up (ConnectionRefusedError); trying again." in caplog.text


async def test_cancelled_trigger_sends_nothing_more(simulator, stream_trigger, clock, monkeypatch):
    simulator.set_faults([NEVER_STOPS])
    sleeping = asyncio.Event()

    async def sleep_for_ever(seconds):
        sleeping.set()
        await asyncio.Event().wait()

    from airflow_provider_signalwire.client.transport import async_client, shared_client

    time = SimpleNamespace(sleep=sleep_for_ever, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr(async_client, "asyncio", time)
    trigger = stream_trigger()
    task = asyncio.create_task(only_event(trigger))
    await sleeping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await trigger.cleanup()
    assert simulator.requests() == []
    assert shared_client._shared_clients == {}


class TestConnectionLookup:
    @pytest.fixture
    def looked_up(self, monkeypatch):
        """The connection ids that were looked up."""
        looked_up = []
        real = SignalWireHook.get_async_settings

        async def count(hook):
            looked_up.append(hook.signalwire_conn_id)
            return await real(hook)

        monkeypatch.setattr(SignalWireHook, "get_async_settings", count)
        return looked_up

    async def test_concurrent_lookups_are_one_later_ones_are_new(
        self, connection, make_connection, looked_up, simulator
    ):
        other = make_connection("another", password="another-token")
        found = await asyncio.gather(*(connection_settings(name) for name in [connection, other] * 50))
        assert sorted(looked_up) == sorted([connection, other])
        assert {settings.api_token for settings in found} == {simulator.token, "another-token"}
        await connection_settings(connection)
        assert len(looked_up) == 3
        assert base._lookups == {}

    async def test_cancelling_one_waiter_does_not_cancel_the_others(self, connection, looked_up, simulator):
        first, second = (asyncio.create_task(connection_settings(connection)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).api_token == simulator.token
        assert looked_up == [connection]
        with pytest.raises(asyncio.CancelledError):
            await first

    async def test_failed_lookup_fails_for_all_waiters(self, looked_up):
        failures = await asyncio.gather(*(connection_settings("gone") for _ in range(3)), return_exceptions=True)
        assert looked_up == ["gone"]
        assert all(isinstance(failure, SignalWireError) and "gone" in str(failure) for failure in failures)
        assert base._lookups == {}

    async def test_failure_is_not_logged_if_all_waiters_were_cancelled(self, monkeypatch):
        waiter_has_ended, logged = asyncio.Event(), []

        async def fail(hook):
            await waiter_has_ended.wait()
            raise ConnectionRefusedError("The API server is unreachable.")

        monkeypatch.setattr(SignalWireHook, "get_async_settings", fail)
        asyncio.get_running_loop().set_exception_handler(lambda loop, details: logged.append(details))
        waiter = asyncio.create_task(connection_settings("any"))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        waiter_has_ended.set()
        while base._lookups:
            await asyncio.sleep(0)
        del waiter
        gc.collect()  # asyncio logs it when nothing refers to the task any more
        assert logged == []


class TestManyTriggers:
    @pytest.fixture
    def triggers(self, simulator, connection, clock):
        calls = simulator.seed(count=30, streams=[{"name": "audio"}])
        return [
            CallStreamStoppedTrigger(call_sid=call["sid"], stream_sid="audio", deadline=clock.now + 1e6, **COMMON)
            for call in calls
        ]

    async def test_share_one_pool_that_closes_after_the_last(self, simulator, make_connection, triggers, monkeypatch):
        from airflow_provider_signalwire.client.transport import shared_client

        make_connection(extra={"timeout": 30, "connect_timeout": 10})
        simulator.set_faults(stop_returns(*["queued"] * 30))
        made = []
        real = shared_client.SignalWireAsyncClient
        monkeypatch.setattr(
            shared_client, "SignalWireAsyncClient", lambda *args, **kwargs: made.append(1) or real(*args, **kwargs)
        )
        events = await asyncio.gather(*map(only_event, triggers))
        assert {event["status"] for event in events} == {"success"}
        assert made == [1]
        assert shared_client._shared_clients == {}

    async def test_cancelled_one_leaves_the_others_their_client(self, simulator, make_connection, triggers):
        make_connection(extra={"timeout": 30, "connect_timeout": 10})
        first, second = (asyncio.create_task(only_event(trigger)) for trigger in triggers[:2])
        while not simulator.requests():
            await asyncio.sleep(0.001)
        first.cancel()
        assert (await second)["status"] == "success"
