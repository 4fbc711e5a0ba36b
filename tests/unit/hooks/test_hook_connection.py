"""From an Airflow connection to a client: what is accepted, what is refused, and how often it is looked up."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

VARIABLE = "AIRFLOW_CONN_SIGNALWIRE_DEFAULT"


def test_making_a_hook_looks_nothing_up():
    hook = SignalWireHook("there_is_no_such_connection")

    assert hook.signalwire_conn_id == "there_is_no_such_connection"


def test_the_connection_is_looked_up_once(simulator, connection):
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
    hook.test_connection()

    assert looked_up == ["signalwire_default"]
    assert hook.get_conn() is hook.get_conn()


async def test_the_connection_is_looked_up_once_for_asynchronous_clients(simulator, connection, monkeypatch):
    from airflow_provider_signalwire.client.flows import stop as flows
    from airflow_provider_signalwire.client.protocol import endpoints

    [call] = simulator.seed()
    hook = SignalWireHook()
    async with await hook.get_async_conn() as client:
        await client.run(flows.just(endpoints.get_call(hook.account_sid, call["sid"])))

    monkeypatch.delenv(VARIABLE)
    async with await hook.get_async_conn() as client:
        record = await client.run(flows.just(endpoints.get_call(hook.account_sid, call["sid"])))

    assert record["sid"] == call["sid"]
    assert hook.get_call(call["sid"])["sid"] == call["sid"]


def test_extras_reach_the_client(make_connection):
    extra = {"timeout": "12", "connect_timeout": 3, "max_attempts": 2, "max_retry_seconds": 7, "verify": "false"}
    make_connection(extra={**extra, "proxy": None, "ca_bundle": None})

    settings = SignalWireHook().get_conn().settings

    assert (settings.timeout, settings.connect_timeout) == (12, 3)
    assert (settings.max_attempts, settings.max_retry_seconds, settings.verify) == (2, 7, False)


def test_absent_extras_mean_the_defaults(monkeypatch):
    fields = {"conn_type": "signalwire", "host": "acme", "login": "project", "password": "token"}
    monkeypatch.setenv(VARIABLE, json.dumps(fields))

    settings = SignalWireHook().settings

    assert settings.origin == "https://acme.signalwire.com"
    assert (settings.timeout, settings.connect_timeout) == (30, 5)
    assert (settings.max_attempts, settings.max_retry_seconds, settings.verify) == (5, 60, True)


@pytest.mark.parametrize("host", ["acme", "acme.signalwire.com", "https://acme.signalwire.com/"])
def test_a_space_can_be_written_in_three_ways(make_connection, host):
    make_connection(host=host)

    assert SignalWireHook().settings.origin == "https://acme.signalwire.com"


@pytest.mark.parametrize("split", [{"host", "schema", "port"}, {"host", "schema"}, {"host", "port"}])
def test_scheme_and_port_may_stand_in_their_own_fields(simulator, make_connection, split):
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


def test_a_connection_uri_works_too(simulator, monkeypatch):
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
async def test_a_connection_that_cannot_work_is_refused_unsent(simulator, make_connection, fields, message):
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


def test_an_unknown_extra_is_warned_of_and_ignored(simulator, make_connection, caplog):
    make_connection(extra={"retries": 7})
    [call] = simulator.seed()

    assert SignalWireHook().get_call(call["sid"])["sid"] == call["sid"]
    assert "retries" in caplog.text


def test_a_connection_that_does_not_exist_is_an_error(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    with pytest.raises(Exception, match="signalwire_default"):
        SignalWireHook().get_conn()
