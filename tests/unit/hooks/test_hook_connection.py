"""From an Airflow connection to a client: fields, errors of the lookup, and secrets to mask."""

from __future__ import annotations

import base64

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow_masking import redact

from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

VARIABLE = "AIRFLOW_CONN_SIGNALWIRE_DEFAULT"


def test_connection_is_looked_up_once(simulator, stream, monkeypatch):
    hook = SignalWireHook()
    hook.get_call(stream["call_sid"])
    monkeypatch.delenv(VARIABLE)
    assert hook.get_call(stream["call_sid"])["sid"] == stream["call_sid"]
    assert hook.get_conn() is hook.get_conn()


async def test_connection_is_looked_up_once_for_asynchronous_clients(simulator, stream, monkeypatch):
    hook = SignalWireHook()
    settings = await hook.get_async_settings()
    monkeypatch.delenv(VARIABLE)
    assert await hook.get_async_settings() is hook.settings is settings
    async with await hook.get_async_conn() as client:
        record = (await client.run(send(endpoints.get_call(hook.account_sid, stream["call_sid"])))).record
    assert record["sid"] == stream["call_sid"]


def test_every_field_of_the_connection_is_read(simulator, make_connection):
    make_connection(host=simulator.host, schema="http", port=simulator.port, extra={"timeout": "12"})
    [call] = simulator.seed()
    hook = SignalWireHook()

    assert hook.get_call(call["sid"])["sid"] == call["sid"]
    assert hook.get_conn().settings.timeout == 12
    assert [hook.make_client(timeout=timeout).settings.timeout for timeout in (3, 60)] == [3, 12]


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
        ({"password": None}, r"API token \(password\)"),
        ({"host": "acme.signalwire.com", "schema": "http"}, "plain http"),
        ({"host": "https://acme.signalwire.com:1", "port": 2}, "conflicts"),
        ({"conn_type": "http"}, "type 'http'.*'signalwire'"),
        ({"extra": {"timeout": "soon"}}, "'timeout'"),
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

    stop = StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream")
    messages = []
    for use in (SignalWireHook().get_conn, lambda: stop.execute({})):
        with pytest.raises(SignalWireConfigurationError, match="'signalwire_default'") as caught:
            use()
        assert caught.value.__cause__ is None
        messages.append(str(caught.value))
    with pytest.raises(SignalWireConfigurationError, match="'signalwire_default'") as caught:
        await SignalWireHook().get_async_conn()
    works, message = SignalWireHook().test_connection()

    assert works is False
    assert not [shown for shown in (*messages, str(caught.value), message) if SECRET in shown]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("definition", ["broken JSON", "JSON with unknown field", "URI with a bad port"])
def test_variable_that_cannot_be_read_is_named_and_not_asked_for(monkeypatch, definition):
    monkeypatch.setenv(VARIABLE, UNREADABLE[definition])
    with pytest.raises(SignalWireConfigurationError, match="cannot be read") as caught:
        SignalWireHook().get_conn()
    assert "is not defined" not in str(caught.value)


async def test_secrets_are_masked_in_every_encoding(simulator, make_connection):
    token, proxy = "PT secret/of+the%hook", "http://user:proxy%23password@127.0.0.1:9"
    make_connection(password=token, extra={"proxy": proxy})
    SignalWireHook().get_conn()
    make_connection("signalwire_async", password="PT-of-the-trigger")
    await SignalWireHook("signalwire_async").get_async_conn()

    logins = [f"{simulator.project}:{each}".encode() for each in (token, "PT-of-the-trigger")]
    encoded = ["PT%20secret%2Fof%2Bthe%25hook", *(base64.b64encode(login).decode() for login in logins)]
    for secret in (token, "PT-of-the-trigger", *encoded, "proxy#password", "proxy%23password"):
        assert secret not in redact(f"before {secret} after"), secret
