"""A traceback with local variables shows no secret and no telephone number, wherever an exception comes from."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import airflow_provider_signalwire
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows import start
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints, filters
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, short_repr
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators import start_guard
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

BEARER, KEY, NUMBER, PROXY_PASSWORD, TOKEN = "bearer-77", "signed-key-99", "+15551234567", "pr0xy-w0rd", "PT-3f9a"
HIDDEN = (BEARER, KEY, NUMBER[1:], PROXY_PASSWORD, TOKEN)
SIGNED = f"wss://media.example.com/?key={KEY}"
START = {
    "url": SIGNED,
    "name": "media2",
    "status_callback": f"http://127.0.0.1:9/?key={KEY}",
    "parameters": {"pin": KEY},
    "authorization_bearer_token": BEARER,
}
CREATE = {"to": NUMBER, "from_": NUMBER, "url": f"https://example.com/?key={KEY}", "sip_auth_password": BEARER}
FILTERS = {"to": NUMBER, "from_": NUMBER, "started_after": "2026-01-02T03:04:05Z"}
CONNECTION = {
    "host": "acme",
    "login": "project",
    "password": TOKEN,
    "extra": {"proxy": f"http://user:{PROXY_PASSWORD}@proxy.example.com:3128"},
}
PACKAGE = str(Path(airflow_provider_signalwire.__file__).parent)


async def start_asynchronously(call_sid: str) -> None:
    settings = SignalWireHook().settings
    request = endpoints.start_call_stream(settings.project_id, call_sid, **START)
    async with SignalWireAsyncClient(settings) as client:
        await client.run(
            StreamStart(request, account_sid=settings.project_id, parent_sid=call_sid, name=START["name"]).run()
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

REFUSED: dict[str, Callable[[], Any]] = {
    "Project ID": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"login": f"{TOKEN}:"}),
    "API token": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"password": f"{TOKEN}\n{TOKEN}"}),
    "Space": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"host": f"user:{TOKEN}@acme"}),
    "proxy": lambda: ClientSettings.from_connection_fields(
        **CONNECTION | {"extra": {"proxy": f"http://user:{PROXY_PASSWORD}@proxy.example.com/ "}}
    ),
    "timeout": lambda: ClientSettings.from_connection_fields(**CONNECTION | {"extra": {"timeout": TOKEN}}),
    "url": lambda: endpoints.start_call_stream("project", "call", **START | {"url": f"{SIGNED} "}),
    "status_callback": lambda: endpoints.start_call_stream("project", "call", **START | {"status_callback": SIGNED}),
    "parameters": lambda: endpoints.start_call_stream("project", "call", **START | {"parameters": {"a": KEY, "b": 1}}),
    "authorization_bearer_token": lambda: endpoints.start_call_stream(
        "project", "call", **START | {"authorization_bearer_token": f"{BEARER}\n"}
    ),
    "sip_auth_password": lambda: endpoints.create_call("project", **CREATE | {"sip_auth_password": f"{BEARER}\n"}),
    "to": lambda: endpoints.create_call("project", **CREATE | {"to": f"{NUMBER}\n"}),
    "page_size": lambda: endpoints.list_calls("project", to=NUMBER, from_=NUMBER, page_size=0),
    "call_filters": lambda: filters.validate_call_filters(FILTERS | {"to": f"{NUMBER} "}),
    "call_sid": lambda: endpoints.stop_call_stream("project", {"sid": "x", "to": NUMBER}, "stream"),
}

WITHOUT_REQUESTS: dict[str, Callable[[str], Any]] = {
    "proxy": lambda _: ClientSettings.from_connection_fields(**CONNECTION).redact(f"{PROXY_PASSWORD} {TOKEN}"),
    "masking": lambda _: mask_phone_numbers(f"call {NUMBER}", known=[NUMBER]),
    "short repr": lambda _: short_repr([NUMBER]),
}


def secrets_shown_by(value: object, hidden: tuple[str, ...]) -> list[str]:
    try:
        text = repr(value)
    except Exception:  # of an object that is not constructed yet
        return []
    return [secret for secret in hidden if secret in text]


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
        for frame, line in traceback.walk_tb(link.__traceback__):
            code = frame.f_code
            if code.co_filename.startswith(PACKAGE):
                place = f"{code.co_filename.removeprefix(PACKAGE)}:{line}:{code.co_name}"
                for name, value in frame.f_locals.items():
                    leaks |= {(f"{place}.{name}", secret) for secret in secrets_shown_by(value, hidden)}
        links += [link.__cause__, link.__context__]
    return leaks


@pytest.fixture(autouse=True)
def short_cleanups(monkeypatch):
    monkeypatch.setattr(start_guard, "_CLEANUP_SECONDS", 0.1)
    monkeypatch.setattr(start, "_CLEANUP_SECONDS", 0.1)


FAILURES = [
    *((name, {"status": 422}) for name in CASES),
    ("start operator", {"status": 500}),
    ("start operator", {"kind": "reset"}),
]


@pytest.mark.parametrize(("name", "fault"), FAILURES)
def test_failure_shows_no_secret(simulator, make_connection, name, fault):
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed(streams=[{"name": "media"}])
    simulator.set_faults([{"kind": "status", "times": None, **fault}])
    with pytest.raises(SignalWireError) as caught:
        CASES[name](call["sid"])
    assert leaks_of(caught.value, (*HIDDEN, simulator.token)) == set()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_value_is_not_shown(name):
    with pytest.raises(SignalWireConfigurationError, match=rf"\b{name}\b") as caught:
        REFUSED[name]()
    assert leaks_of(caught.value, HIDDEN) == set()


def test_search_finds_a_secret_in_a_local_variable():
    namespace: dict[str, Any] = {}
    exec(compile("def leak(token):\n    raise ValueError\n", f"{PACKAGE}/leak.py", "exec"), namespace)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - only its traceback matters
        namespace["leak"](TOKEN)
    assert leaks_of(caught.value, HIDDEN) == {("/leak.py:2:leak.token", TOKEN)}


# asyncio catches what a protocol raises, so nothing leaves it.
NOT_TRACED = ("/simulator/", "/async_connection.py")


class Interrupted(BaseException):
    """Raised where a signal handler could raise."""


def run_traced(call: Callable[[], Any], visit: Callable[[FrameType], None]) -> BaseException | None:
    """Run a call in a new thread; visit frames of ours before each line, and return what the call raised."""
    errors: list[BaseException] = []

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        is_ours = code.co_filename.startswith(PACKAGE) and not any(part in code.co_filename for part in NOT_TRACED)
        # Signals interrupt the calling thread only. Of the others, the work of a batch may fail, but not what ends it.
        is_other_thread = threading.current_thread().name.startswith("signalwire-")
        if not is_ours or (is_other_thread and "/batch/calls.py" not in code.co_filename):
            return trace if is_other_thread else None
        # The decorator itself has its arguments until it has handled the exception.
        if event == "line" and code.co_qualname != "clears_locals.<locals>.call":
            visit(frame)
        return trace

    def run() -> None:
        sys.settrace(trace)
        try:
            call()
        except BaseException as error:
            errors.append(error)
        finally:
            sys.settrace(None)

    threading.settrace(trace)  # for the event loop of a batch
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        threading.settrace(None)  # type: ignore[arg-type]  # as documented, None removes it
    return errors[0] if errors else None


def test_exception_wherever_a_secret_is_at_hand_shows_none(simulator, make_connection):
    """Raise at each line whose frame shows a secret, and once in every other function, to see its callers."""
    make_connection(extra={"max_attempts": 1, "timeout": 2})
    hidden = (*HIDDEN, simulator.token)
    interrupted: set[tuple[CodeType, int]] = set()
    functions: set[CodeType] = set()
    leaks: set[tuple[str, str]] = set()
    for operation in (CASES | WITHOUT_REQUESTS).values():

        def perform(operation=operation):
            simulator.reset(answer_delay_ms=0, stop_delay_ms=0)  # or the calls to list become more and more
            [call] = simulator.seed(streams=[{"name": "media"}])
            operation(call["sid"])

        targets: dict[tuple[CodeType, int], None] = {}

        def choose(frame, targets=targets):
            line = (frame.f_code, frame.f_lineno)
            if line in targets or line in interrupted:
                return
            if frame.f_code not in functions or any(secrets_shown_by(v, hidden) for v in frame.f_locals.values()):
                functions.add(frame.f_code)
                targets[line] = None

        assert run_traced(perform, choose) is None
        for target in targets:

            def interrupt(frame, target=target):
                line = (frame.f_code, frame.f_lineno)
                if line == target and target not in interrupted:
                    interrupted.add(target)
                    raise Interrupted

            if error := run_traced(perform, interrupt):
                leaks |= leaks_of(error, hidden)
    assert sorted(leaks) == []
    assert len(interrupted) > 100
