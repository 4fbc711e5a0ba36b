"""Replaces a function for one thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def only_in_this_thread(replacement: Callable[[], T], original: Callable[[], T]) -> Callable[[], T]:
    """Return a function that calls the replacement in the current thread and the original in all others."""
    thread = threading.get_ident()
    return lambda: replacement() if threading.get_ident() == thread else original()
