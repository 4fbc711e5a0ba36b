"""Triggers that begin together look up their connection together."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.triggers import lookups
from airflow_provider_signalwire.triggers.lookups import connection_settings

TRIGGERS = 100


@pytest.fixture
def counted(monkeypatch):
    """The connection ids that were looked up."""
    looked_up = []
    look_up = SignalWireHook.get_async_settings

    async def count(hook):
        looked_up.append(hook.signalwire_conn_id)
        return await look_up(hook)

    monkeypatch.setattr(SignalWireHook, "get_async_settings", count)
    return looked_up


async def test_many_that_begin_together_share_one_lookup(connection, counted, simulator):
    found = await asyncio.gather(*(connection_settings(connection) for _ in range(TRIGGERS)))
    assert counted == [connection]
    assert {settings.api_token for settings in found} == {simulator.token}
    assert lookups._lookups == {}


async def test_who_begins_later_looks_anew(connection, counted):
    await connection_settings(connection)
    await connection_settings(connection)
    assert counted == [connection, connection]


async def test_each_connection_is_looked_up_by_itself(connection, make_connection, counted, simulator):
    other = make_connection("another", password="another-token")
    one, two = await asyncio.gather(connection_settings(connection), connection_settings(other))
    assert (one.api_token, two.api_token) == (simulator.token, "another-token")


async def test_a_cancelled_one_takes_the_lookup_from_nobody(connection, counted, simulator):
    first, second = (asyncio.create_task(connection_settings(connection)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).api_token == simulator.token
    assert counted == [connection]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_lookup_that_fails_fails_for_all(counted):
    failures = await asyncio.gather(*(connection_settings("gone") for _ in range(3)), return_exceptions=True)
    assert counted == ["gone"]
    assert all("gone" in str(failure) for failure in failures)
    assert lookups._lookups == {}
