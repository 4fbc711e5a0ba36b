"""Threads beside a task's main thread, in which Airflow's signal handlers raise."""

from __future__ import annotations

import _thread
import queue
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


def start_thread(run: Callable[[], object], *, name: str) -> None:
    """Run a function in a daemon thread.

    The main thread does not call :meth:`threading.Thread.start`, because that waits on a condition. What a signal
    handler raises there, such as an ``execution_timeout``, would become a ``RuntimeError``, and be lost in a retry.
    """
    _thread.start_new_thread(threading.Thread(target=run, name=name, daemon=True).start, ())


def call_in_thread(function: Callable[[], T], *, name: str, timeout: float) -> T:
    """Call a function in a daemon thread, and return its result or raise its error.

    :param timeout: Seconds to wait. The function goes on in the background if it takes longer.
    :raises TimeoutError: if the function takes longer.
    """
    # A SimpleQueue holds no Python lock that a signal handler's exception could leave locked.
    ends: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            ends.put((function(), None))
        except BaseException as error:
            ends.put((None, error))

    start_thread(run, name=name)
    try:
        result, error = ends.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no response in {timeout:g} s") from None
    if error is not None:
        raise error
    return cast("T", result)
