"""The event loop beside the main thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from airflow_provider_signalwire.batch import background_loop
from airflow_provider_signalwire.batch.background_loop import BackgroundLoop


class Timeout(BaseException):
    """What a signal handler raises."""


@pytest.mark.parametrize("error", [asyncio.CancelledError, Timeout])
def test_coroutine_is_cancelled_and_waited_for(error):
    ended = []

    async def main():
        with contextlib.suppress(asyncio.CancelledError):  # the first one is lost, as if it coincided with a timeout
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            time.sleep(0.05)  # noqa: ASYNC251  # blocks on purpose: run() must not return before
            ended.append(True)

    def on_tick():
        if error is Timeout:
            raise Timeout
        loop.cancel()

    loop = BackgroundLoop(main, on_tick=on_tick)
    with pytest.raises(error):
        loop.run()
    assert ended == [True]


def test_coroutine_is_not_started_after_a_cancellation():
    started = []

    async def main():
        started.append(True)

    loop = BackgroundLoop(main, on_tick=lambda: None)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run()
    while any(thread.name == "signalwire-batch" for thread in threading.enumerate()):
        time.sleep(0)
    assert started == []


def test_coroutine_that_blocks_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(background_loop, "_MAX_SECONDS_TO_END", 0.1)
    release = threading.Event()

    async def main():
        loop.cancel()
        release.wait(20)

    loop = BackgroundLoop(main, on_tick=lambda: None)
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        loop.run()
    assert time.monotonic() - started < 10
    release.set()


def test_failure_to_make_a_loop_is_raised(monkeypatch):
    def fail(main):
        main.close()
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "run", fail)
    with pytest.raises(OSError, match="too many open files"):
        BackgroundLoop(lambda: None, on_tick=lambda: None).run()
