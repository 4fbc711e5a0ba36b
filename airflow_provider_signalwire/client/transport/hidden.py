"""Strings and bytes that tracebacks with local variables do not show."""

from __future__ import annotations


class Hidden(str):
    """A header that may be secret. The HTTP libraries hold it in local variables, where error reports find it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class HiddenBytes(bytes):
    """A body that may be secret."""

    def __repr__(self) -> str:
        return "b'***'"
