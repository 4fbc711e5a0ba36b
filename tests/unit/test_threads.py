"""Threads beside the main thread: what a signal handler raises while they start or are waited for is not lost."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from airflow_provider_signalwire.batch.background_loop import BackgroundLoop
from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.task_state import TaskState
from airflow_provider_signalwire.threads import call_in_thread


class Timeout(BaseException):
    """What a signal handler raises, such as Airflow's AirflowTaskTimeout."""


@contextmanager
def timeout_at(moment: int, *, within: str) -> Iterator[list[FrameType]]:
    """Raise :exc:`Timeout` at one of the moments while a function runs; yields the frames of the moments until then.

    A moment is a line or the return of the function, or of what it calls.
    """
    moments: list[FrameType] = []
    depth = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal depth
        if frame.f_code.co_name == "_remove":  # Python ignores what is raised in a weak reference's callback
            return None
        if event == "call":
            depth += frame.f_code.co_qualname == within
        elif depth:
            moments.append(frame)
            if len(moments) == moment:
                sys.settrace(None)
                raise Timeout
        if event == "return":
            depth -= frame.f_code.co_qualname == within
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield moments
    finally:
        sys.settrace(previous)


class Store:
    """A task state store."""

    def get(self, key: str) -> dict[str, Any]:
        return {"key": key}


def read_task_state() -> object:
    return TaskState({"task_state_store": Store()}, "key", timeout=10).load()


def run_background_loop() -> object:
    return BackgroundLoop(lambda: asyncio.sleep(0, "done"), on_tick=lambda: None).run()


@pytest.fixture
def stop_stream_of_named_host(settings, simulator):
    """Stop a stream that does not exist, by a host name that has to be looked up."""
    port = urllib.parse.urlsplit(settings.origin).port

    def stop():
        with SignalWireClient(replace(settings, origin=f"http://localhost:{port}")) as client:
            return client.run(stop_stream(simulator.project, "call", "stream", ignore_if_missing=True))

    return stop


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Run no finalizers of other tests' objects: Python ignores what a signal handler raises in one."""
    gc.disable()
    yield
    gc.enable()


def assert_timeout_is_never_lost(call: Callable[[], object], *, within: str) -> None:
    moment, has_timed_out = 0, True
    while has_timed_out:
        moment += 1
        with timeout_at(moment, within=within) as moments:
            try:
                call()
                has_timed_out = False
            except Timeout:
                pass
        assert has_timed_out or len(moments) < moment, f"lost in {moments[-1]}"
    assert moment > 20


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize(
    ("call", "within"),
    [(read_task_state, "TaskState._request"), (run_background_loop, "BackgroundLoop.run")],
)
def test_timeout_at_any_moment_is_raised(call, within):
    assert_timeout_is_never_lost(call, within=within)


@pytest.mark.usefixtures("no_garbage_collection")
def test_timeout_during_a_dns_lookup_is_raised(stop_stream_of_named_host):
    assert_timeout_is_never_lost(stop_stream_of_named_host, within="_look_up")


def test_result_and_error_are_passed_on():
    assert call_in_thread(lambda: threading.current_thread().name, name="beside", timeout=10) == "beside"
    with pytest.raises(ZeroDivisionError):
        call_in_thread(lambda: 1 / 0, name="beside", timeout=10)


def test_function_that_takes_longer_goes_on_in_a_daemon_thread():
    may_end, has_ended = threading.Event(), threading.Event()

    def wait():
        may_end.wait(10)
        if threading.current_thread().daemon:
            has_ended.set()

    with pytest.raises(TimeoutError, match=r"no response in 0\.01 s"):
        call_in_thread(wait, name="beside", timeout=0.01)
    may_end.set()
    assert has_ended.wait(10)
