"""The secrets of a connection appear nowhere."""

from __future__ import annotations

import base64
import traceback

import pytest
from airflow_masking import redact

from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

TOKEN = "PT secret/of+the%hook"
PROXY_PASSWORD = "proxy#password"
PROXY = "http://user:proxy%23password@127.0.0.1:9"


def forms_of(project, token):
    return [token, "PT%20secret%2Fof%2Bthe%25hook", base64.b64encode(f"{project}:{token}".encode()).decode()]


def test_token_is_masked_in_every_encoding(simulator, make_connection):
    make_connection(password=TOKEN, extra={"proxy": PROXY})
    secrets = [*forms_of(simulator.project, TOKEN), PROXY_PASSWORD, "proxy%23password"]

    SignalWireHook().get_conn()

    for secret in secrets:
        assert secret not in redact(f"before {secret} after"), secret


async def test_token_is_masked_for_asynchronous_clients(simulator, make_connection):
    token = "PT-of-the-trigger"
    make_connection("signalwire_async", password=token)

    await SignalWireHook("signalwire_async").get_async_conn()

    encoded = base64.b64encode(f"{simulator.project}:{token}".encode()).decode()
    assert encoded not in redact(f"before {encoded} after")


@pytest.mark.parametrize("fault", [None, {"kind": "status", "status": 401}, {"kind": "reset"}], ids=repr)
async def test_logs_errors_and_reprs_hold_no_secret(simulator, make_connection, fault, caplog, capfd):
    caplog.set_level("DEBUG")
    make_connection(extra={"max_attempts": 2, "max_retry_seconds": 0.2, "timeout": 0.2})
    secrets = [simulator.token, base64.b64encode(f"{simulator.project}:{simulator.token}".encode()).decode()]
    [call] = simulator.seed(streams=[{"name": "media"}])
    if fault:
        quoting = {"body": {"message": " ".join(secrets)}} if fault["kind"] == "status" else {}
        simulator.set_faults([{"times": None, **fault, **quoting}])
    hook = SignalWireHook()
    seen = []

    for use in (hook.test_connection, lambda: hook.stop_call_stream(call["sid"], "media"), lambda: hook.get_call("x")):
        try:
            seen.append(repr(use()))
        except SignalWireError as error:
            seen += [repr(error), str(vars(error)), "".join(traceback.format_exception(error))]
    async with await hook.get_async_conn() as client:
        seen.append(repr(client))
    seen += [repr(hook), repr(hook.settings), repr(hook.get_conn()), repr(vars(hook)), caplog.text, *capfd.readouterr()]

    assert len(simulator.requests()) >= 2
    for secret in secrets:
        assert secret not in "\n".join(seen)
