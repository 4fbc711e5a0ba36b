"""The event loop beside the main thread."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_signalwire.batch.background_loop import BackgroundLoop


def test_cancelled_loop_is_waited_for():
    ended = []

    async def main():
        loop.cancel()
        try:
            await asyncio.Event().wait()
        finally:
            time.sleep(0.05)  # noqa: ASYNC251  # blocks on purpose: run() must not return before
            ended.append(True)

    loop = BackgroundLoop(main, on_tick=lambda: None)
    with pytest.raises(asyncio.CancelledError):
        loop.run()
    assert ended == [True]
