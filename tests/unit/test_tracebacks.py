"""A traceback with local variables shows no secret and no telephone number, wherever a request fails."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_signalwire
from airflow_provider_signalwire.client.flows import start
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators import start_guard
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

BEARER, KEY, NUMBER = "bearer-77", "signed-key-99", "+15551234567"
HIDDEN = (BEARER, KEY, NUMBER[1:])
SIGNED = f"wss://media.example.com/?key={KEY}"
START = {
    "url": SIGNED,
    "name": "media2",
    "status_callback": f"http://127.0.0.1:9/?key={KEY}",
    "parameters": {"pin": KEY},
    "authorization_bearer_token": BEARER,
}
CREATE = {"to": NUMBER, "from_": NUMBER, "url": f"https://example.com/?key={KEY}", "sip_auth_password": BEARER}
PACKAGE = str(Path(airflow_provider_signalwire.__file__).parent)


async def start_asynchronously(call_sid: str) -> None:
    settings = SignalWireHook().settings
    request = endpoints.start_call_stream(settings.project_id, call_sid, **START)
    async with SignalWireAsyncClient(settings) as client:
        await client.run(
            StreamStart(request, account_sid=settings.project_id, call_sid=call_sid, name=START["name"]).run()
        )
        await client.run(send(endpoints.create_call(settings.project_id, **CREATE)))


def clean_up(call_sid: str) -> None:
    filters = {"to": NUMBER, "from_": NUMBER}
    CallStreamCleanupOperator(
        task_id="clean_up", stream_names=["other"], min_call_age=3600, call_filters=filters
    ).execute({})


CASES: dict[str, Callable[[str], Any]] = {
    "hook, start stream": lambda call_sid: SignalWireHook().start_call_stream(call_sid, **START),
    "hook, create call": lambda call_sid: SignalWireHook().create_call(**CREATE),
    "hook, update call": lambda call_sid: SignalWireHook().update_call(call_sid, url=CREATE["url"]),
    "hook, list calls": lambda call_sid: list(SignalWireHook().list_calls(to=NUMBER, from_=NUMBER)),
    "hook, record call": lambda call_sid: SignalWireHook().start_call_recording(
        call_sid, recording_status_callback=CREATE["url"]
    ),
    "start operator": lambda call_sid: StartCallStreamOperator(task_id="start", call_sid=call_sid, **START).execute({}),
    "clean up": clean_up,
    "asynchronous client": lambda call_sid: asyncio.run(start_asynchronously(call_sid)),
}


def leaks_of(error: BaseException, hidden: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return each secret that a frame of ours shows, with the place."""
    leaks = {("message", secret) for secret in hidden if secret in f"{error!r} {error}"}
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        for frame in traceback.TracebackException.from_exception(link, capture_locals=True, compact=True).stack:
            if frame.filename.startswith(PACKAGE):
                place = f"{frame.filename.removeprefix(PACKAGE)}:{frame.name}"
                leaks |= {(f"{place}.{name}", s) for name, v in (frame.locals or {}).items() for s in hidden if s in v}
        links += [link.__cause__, link.__context__]
    return leaks


@pytest.mark.parametrize("fault", [{"status": 422}, {"status": 500}, {"kind": "reset"}], ids=repr)
@pytest.mark.parametrize("name", CASES)
def test_failure_shows_no_secret(simulator, make_connection, monkeypatch, name, fault):
    monkeypatch.setattr(start_guard, "_CLEANUP_SECONDS", 0.1)
    monkeypatch.setattr(start, "_CLEANUP_SECONDS", 0.1)
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed(streams=[{"name": "media"}])
    simulator.set_faults([{"kind": "status", "times": None, **fault}])
    with pytest.raises(SignalWireError) as caught:
        CASES[name](call["sid"])
    assert leaks_of(caught.value, (*HIDDEN, simulator.token)) == set()
