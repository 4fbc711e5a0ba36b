"""From an Airflow connection to a client: fields, errors of the lookup, sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from raw_server import RawServer

from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

VARIABLE = "AIRFLOW_CONN_SIGNALWIRE_DEFAULT"


def test_constructor_does_not_look_the_connection_up():
    hook = SignalWireHook("there_is_no_such_connection")

    assert hook.signalwire_conn_id == "there_is_no_such_connection"


def test_connection_is_looked_up_once(simulator, connection):
    looked_up = []

    class CountingHook(SignalWireHook):
        @classmethod
        def get_connection(cls, conn_id):
            looked_up.append(conn_id)
            return super().get_connection(conn_id)

    [call] = simulator.seed()
    hook = CountingHook()
    hook.get_call(call["sid"])
    hook.get_call(call["sid"])
    list(hook.list_calls())

    assert looked_up == ["signalwire_default"]
    assert hook.get_conn() is hook.get_conn()


async def test_connection_is_looked_up_once_for_asynchronous_clients(simulator, connection, monkeypatch):
    [call] = simulator.seed()
    hook = SignalWireHook()
    async with await hook.get_async_conn() as client:
        await client.run(send(endpoints.get_call(hook.account_sid, call["sid"])))

    monkeypatch.delenv(VARIABLE)
    async with await hook.get_async_conn() as client:
        record = (await client.run(send(endpoints.get_call(hook.account_sid, call["sid"])))).record

    assert record["sid"] == call["sid"]
    assert hook.get_call(call["sid"])["sid"] == call["sid"]


def test_extras_reach_the_client(make_connection):
    extra = {"timeout": "12", "connect_timeout": 3, "max_attempts": 2, "max_retry_seconds": 7, "verify": "false"}
    make_connection(extra={**extra, "proxy": None, "ca_bundle": None})

    settings = SignalWireHook().get_conn().settings

    assert (settings.timeout, settings.connect_timeout) == (12, 3)
    assert (settings.max_attempts, settings.max_retry_seconds, settings.verify) == (2, 7, False)


def test_missing_extras_have_defaults(monkeypatch):
    fields = {"conn_type": "signalwire", "host": "acme", "login": "project", "password": "token"}
    monkeypatch.setenv(VARIABLE, json.dumps(fields))

    settings = SignalWireHook().settings

    assert settings.origin == "https://acme.signalwire.com"
    assert (settings.timeout, settings.connect_timeout) == (30, 5)
    assert (settings.max_attempts, settings.max_retry_seconds, settings.verify) == (5, 60, True)


@pytest.mark.parametrize("host", ["acme", "acme.signalwire.com", "https://acme.signalwire.com/"])
def test_space_is_accepted_as_name_host_and_url(make_connection, host):
    make_connection(host=host)

    assert SignalWireHook().settings.origin == "https://acme.signalwire.com"


@pytest.mark.parametrize("split", [{"host", "schema", "port"}, {"host", "schema"}, {"host", "port"}])
def test_scheme_and_port_are_read_from_their_own_fields(simulator, make_connection, split):
    fields = {"host": simulator.host}
    if "schema" in split:
        fields["schema"] = "http"
    else:
        fields["host"] = f"http://{fields['host']}"
    if "port" in split:
        fields["port"] = simulator.port
    else:
        fields["host"] += f":{simulator.port}"
    make_connection(**fields)
    [call] = simulator.seed()

    assert SignalWireHook().get_call(call["sid"])["sid"] == call["sid"]


def test_connection_uri_is_accepted(simulator, monkeypatch):
    host = f"{simulator.host}:{simulator.port}"
    monkeypatch.setenv(VARIABLE, f"signalwire://{simulator.project}:{simulator.token}@{host}/http?max_attempts=2")
    [call] = simulator.seed()
    hook = SignalWireHook()

    assert hook.get_call(call["sid"])["sid"] == call["sid"]
    assert hook.settings.max_attempts == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"login": ""}, r"Project ID \(login\)"),
        ({"login": None}, r"Project ID \(login\)"),
        ({"password": ""}, r"API token \(password\)"),
        ({"password": None}, r"API token \(password\)"),
        ({"host": ""}, r"Space \(host\)"),
        ({"host": None}, r"Space \(host\)"),
        ({"host": "http://acme.signalwire.com"}, "plain http"),
        ({"host": "acme.signalwire.com", "schema": "http"}, "plain http"),
        ({"host": "http://192.0.2.1:8787"}, "plain http"),
        ({"host": "a b"}, r"Space \(host\)"),
        ({"host": "https://acme.signalwire.com:1", "port": 2}, "conflicts"),
        ({"host": "https://acme.signalwire.com/path"}, "without a path"),
        ({"conn_type": "http"}, "type 'http'.*'signalwire'"),
        ({"extra": {"timeout": "soon"}}, "'timeout'"),
        ({"extra": {"timeout": -1}}, "'timeout'"),
        ({"extra": {"connect_timeout": True}}, "'connect_timeout'"),
        ({"extra": {"max_attempts": 0}}, "'max_attempts'"),
        ({"extra": {"max_attempts": 1.5}}, "'max_attempts'"),
        ({"extra": {"max_retry_seconds": [1]}}, "'max_retry_seconds'"),
        ({"extra": {"verify": "perhaps"}}, "'verify'"),
        ({"extra": {"ca_bundle": "/nowhere.pem"}}, "'ca_bundle'"),
        ({"extra": {"proxy": "proxy.example.com"}}, "'proxy'"),
    ],
    ids=repr,
)
async def test_invalid_connection_is_refused_before_any_request(simulator, make_connection, fields, message):
    make_connection(**fields)

    for use in (SignalWireHook().get_conn, lambda: SignalWireHook().get_call("call")):
        with pytest.raises(SignalWireConfigurationError, match=message) as caught:
            use()
        assert isinstance(caught.value, AirflowFailException)
        assert "'signalwire_default'" in str(caught.value)
    with pytest.raises(SignalWireConfigurationError, match=message):
        await SignalWireHook().get_async_conn()
    assert SignalWireHook().test_connection()[0] is False
    assert simulator.requests() == []


def test_unknown_extra_is_ignored_with_a_warning(simulator, make_connection, caplog):
    make_connection(extra={"retries": 7})
    [call] = simulator.seed()

    assert SignalWireHook().get_call(call["sid"])["sid"] == call["sid"]
    assert "retries" in caplog.text


SECRET = "PT-secret-in-a-broken-connection"
UNREADABLE = {
    "missing": None,
    "broken JSON": f'{{"conn_type": "signalwire", "password": "{SECRET}"',
    "JSON list": f'["{SECRET}"]',
    "JSON with unknown field": f'{{"conn_type": "signalwire", "passwort": "{SECRET}"}}',
    "broken URI": f"signalwire://project:{SECRET}@[acme/",
    "URI with a bad port": f"signalwire://project:{SECRET}@acme:port",
    "another type": f'{{"conn_type": "http", "password": "{SECRET}"}}',
    "extra that is not JSON": f'{{"conn_type": "signalwire", "host": "acme", "login": "p", "password": "{SECRET}", '
    f'"extra": "{{{SECRET}"}}',
}


@pytest.mark.parametrize("definition", UNREADABLE.values(), ids=UNREADABLE)
async def test_unreadable_connection_is_a_configuration_error_that_quotes_nothing(monkeypatch, caplog, definition):
    monkeypatch.delenv(VARIABLE, raising=False)
    if definition is not None:
        monkeypatch.setenv(VARIABLE, definition)

    with pytest.raises(SignalWireConfigurationError) as of_hook:
        SignalWireHook().get_conn()
    with pytest.raises(SignalWireConfigurationError) as of_async_hook:
        await SignalWireHook().get_async_conn()
    stop = StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream")
    with pytest.raises(SignalWireConfigurationError) as of_operator:
        stop.execute({})
    works, message = SignalWireHook().test_connection()

    assert works is False
    errors = [str(caught.value) for caught in (of_hook, of_async_hook, of_operator)]
    assert all("'signalwire_default'" in error for error in errors)
    assert not [shown for shown in (message, *errors) if SECRET in shown]
    assert SECRET not in caplog.text
    assert of_hook.value.__cause__ is None


class TestConnections:
    """The hook's sockets, counted by a server."""

    @pytest.fixture
    def server(self, make_connection):
        body = b'{"sid": "call", "status": "completed"}'
        response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

        def serve(connection):
            while server.read_request(connection):
                connection.sendall(response)

        with RawServer(serve) as server:
            make_connection(host=server.origin)
            yield server

    def test_one_thread_reuses_one_socket(self, server):
        hook = SignalWireHook()
        hook.get_call("call")
        hook.get_call("call")
        assert server.connections == 1

    def test_threads_share_no_socket(self, server):
        hook = SignalWireHook()
        hook.get_call("call")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(hook.get_call, "call").result()
        hook.get_call("call")
        assert server.connections == 2

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
    def test_forked_process_shares_no_socket(self, server):
        hook = SignalWireHook()
        hook.get_call("call")
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                hook.get_call("call")
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        hook.get_call("call")
        assert server.connections == 2

    def test_event_loops_share_no_socket(self, server):
        hook = SignalWireHook()

        async def read_call():
            async with await hook.get_async_conn() as client:
                await client.run(send(endpoints.get_call("project", "call")))
                await client.run(send(endpoints.get_call("project", "call")))

        asyncio.run(read_call())
        asyncio.run(read_call())
        assert server.connections == 2
