"""An event loop in a thread beside the main thread, so that signals end the work promptly and are never lost."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from airflow_provider_signalwire.threads import start_thread

T = TypeVar("T")

_TICK_SECONDS = 0.25
_CANCEL_AGAIN_SECONDS = 0.1

# After a cancellation nothing is sent any more. A thread that is stuck in a DNS lookup is not waited for.
_MAX_SECONDS_TO_END = 3.0


class BackgroundLoop(Generic[T]):
    """Runs a coroutine in a new event loop, while the calling thread waits and does other work.

    The calling thread starts a second thread and waits for its end. The second thread runs the coroutine and ends with
    its result or error, once. A call of :meth:`cancel`, or whatever a signal handler raises in the calling thread, such
    as an ``execution_timeout``, ends the wait: the coroutine is cancelled, and gets a few seconds to end. What the
    signal handler raised is then raised from :meth:`run`.

    :param main: Makes the coroutine.
    :param on_tick: Called in the calling thread about four times per second while the coroutine runs. It may block.
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, T]], *, on_tick: Callable[[], None]) -> None:
        self._main = main
        self._on_tick = on_tick
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_cancelled = False
        # A SimpleQueue holds no Python lock that a signal handler's exception could leave locked.
        self._wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        # How the second thread has ended. If it does not in time, the coroutine counts as cancelled.
        self._has_ended = False
        self._error: BaseException | None = asyncio.CancelledError()
        self._result: T

    def run(self) -> T:
        """Run the coroutine and return its result.

        :raises asyncio.CancelledError: if :meth:`cancel` was called.
        """
        run_thread = contextvars.copy_context().run
        try:
            start_thread(lambda: run_thread(self._run_thread), name="signalwire-batch")
            while not self._has_ended and not self._is_cancelled:
                self._wait(_TICK_SECONDS)
                self._on_tick()
        finally:
            # Every exception of a signal handler passes through here.
            if not self._has_ended:
                self._cancel_and_wait()
        if self._error is not None:
            raise self._error
        return self._result

    def cancel(self) -> None:
        """Cancel the coroutine; safe to call at any time, from a signal handler and from another thread."""
        self._is_cancelled = True  # if the loop does not run yet, the coroutine is not started
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._cancel_tasks)

    def _cancel_and_wait(self) -> None:
        self.cancel()
        deadline = time.monotonic() + _MAX_SECONDS_TO_END
        while self._loop is not None and not self._has_ended and time.monotonic() < deadline:
            self._wait(_CANCEL_AGAIN_SECONDS)
            self.cancel()  # a cancellation that coincides with a timeout may be lost

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._wake_up.get(timeout=seconds)

    # What follows runs in the second thread.

    def _run_thread(self) -> None:
        try:
            asyncio.run(self._run_main())
        except BaseException as error:  # no loop could be made
            self._end(error)

    async def _run_main(self) -> None:
        self._loop = asyncio.get_running_loop()
        error: BaseException | None = None
        try:
            if self._is_cancelled:
                raise asyncio.CancelledError
            self._result = await self._main()
        except BaseException as raised:
            error = raised
        # Closing the loop may take longer, as it waits for DNS lookups; the calling thread does not.
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._error = error
            self._has_ended = True
            self._wake_up.put(None)

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
