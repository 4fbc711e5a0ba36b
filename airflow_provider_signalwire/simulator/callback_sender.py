"""Sending the status callbacks, beside the answers and never in their way."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_signalwire.simulator.callbacks import Callback, is_loopback, signature

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_signalwire.simulator.simulation import Simulation

_TIMEOUT = 5.0


class CallbackSender:
    """Sends what the state says is due, as long as it runs.

    :param simulation: whose callbacks; what became of each is noted there
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._planned = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        state = self._simulation.state

        def wake() -> None:
            # A test may stop a stream from its own thread.
            loop.call_soon_threadsafe(self._planned.set)

        state.on_callback_planned = wake
        try:
            await self._wait_for_the_first()
            # Imported for the first callback, since most simulators never send one; and in a thread, since it
            # takes a while and answers must go on.
            await asyncio.to_thread(importlib.import_module, "aiohttp")
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                await self._send_what_is_due(session)
        finally:
            state.on_callback_planned = lambda: None

    async def _send_what_is_due(self, session: aiohttp.ClientSession) -> None:
        state = self._simulation.state
        try:
            while True:
                self._planned.clear()
                for callback in state.take_due_callbacks():
                    self._send(session, callback)
                await self._wait(state.seconds_to_next_callback())
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _wait_for_the_first(self) -> None:
        if self._simulation.state.seconds_to_next_callback() is None:
            await self._planned.wait()

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._planned.wait()

    def _send(self, session: aiohttp.ClientSession, callback: Callback) -> None:
        """Send in the background; the callbacks of one stream one after another."""
        stream_sid = callback.fields["StreamSid"]
        before = self._sending.get(stream_sid)

        async def send() -> None:
            if before is not None:
                await before
            await self._deliver(session, callback)
            if self._sending.get(stream_sid) is task:
                del self._sending[stream_sid]

        task = self._sending[stream_sid] = asyncio.create_task(send())

    async def _deliver(self, session: aiohttp.ClientSession, callback: Callback) -> None:
        outcome = "not sent: the host is not loopback"
        if is_loopback(urlsplit(callback.url).hostname):
            try:
                outcome = await self._request(session, callback)
            except Exception as error:
                # Whatever the receiver does is its own affair: SignalWire calls its callbacks advisory.
                outcome = f"failed: {type(error).__name__}"
        self._simulation.sent_callbacks.append(
            {
                "url": callback.url.partition("?")[0],
                "stream_sid": callback.fields["StreamSid"],
                "event": callback.fields["StreamEvent"],
                "outcome": outcome,
            }
        )

    async def _request(self, session: aiohttp.ClientSession, callback: Callback) -> str:
        from yarl import URL

        url, form = callback.target(), callback.form()
        key = self._simulation.state.settings.signing_key
        headers = {"X-SignalWire-Signature": signature(key, url, form)}
        # Encoded already: what is signed must be what is requested.
        target = URL(url, encoded=True)
        data = form if callback.method == "POST" else None
        async with session.request(
            callback.method, target, data=data, headers=headers, allow_redirects=False
        ) as response:
            return f"sent: {response.status}"
