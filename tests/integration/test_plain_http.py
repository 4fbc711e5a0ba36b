"""The token goes over plain http to this machine only: whoever else is named is sent not a byte."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
import requests

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.triggers.call import CallStatusTrigger

CONNECTION = "signalwire_plain"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The proxy on the way: whatever was sent to any host would come by here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(
    params=["http://acme.example.com", "http://192.0.2.1", "http://127.0.0.1.example.com", "http://0.0.0.0"]
)
def plain(request, make_connection, listener):
    return make_connection(CONNECTION, host=request.param, extra={"proxy": proxy_at(listener)})


def proxy_at(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def only_event(trigger):
    [event] = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


async def use_async_client(conn_id):
    async with await SignalWireHook(conn_id).get_async_conn():
        pass


def use_trigger(conn_id):
    trigger = CallStatusTrigger(
        call_sid="call",
        account_sid=None,
        signalwire_conn_id=conn_id,
        poll_interval=5,
        deadline=1_800_000_000.0,
        last_status=None,
        target_statuses=["completed"],
    )
    event = asyncio.run(only_event(trigger))
    assert event["error"] == "SignalWireConfigurationError"
    raise SignalWireConfigurationError(event["message"])


def use_operator(conn_id):
    StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream", signalwire_conn_id=conn_id).execute({})


@pytest.mark.parametrize(
    "use",
    [
        lambda conn_id: SignalWireHook(conn_id).get_call("call"),
        lambda conn_id: asyncio.run(use_async_client(conn_id)),
        use_trigger,
        use_operator,
    ],
    ids=["hook", "async client", "trigger", "operator"],
)
def test_plain_http_is_refused_before_a_byte_is_sent(plain, listener, use):
    with pytest.raises(SignalWireConfigurationError, match="plain http"):
        use(plain)

    with pytest.raises(BlockingIOError):
        listener.accept()


def test_the_test_button_refuses_it_too(plain, listener):
    works, message = SignalWireHook(plain).test_connection()

    assert (works, "plain http" in message) == (False, True)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_the_listener_would_be_reached(listener):
    with pytest.raises(requests.ReadTimeout):
        requests.get("http://acme.example.com", proxies={"http": proxy_at(listener)}, timeout=(5, 0.1))

    listener.accept()[0].close()
