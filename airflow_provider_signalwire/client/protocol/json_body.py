"""The JSON of a response body, and whether Airflow can store what it holds."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

# A record has two levels, a page of calls three.
_MAX_DEPTH = 100

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

# Python reads no integer of more than 4,300 digits. JSON's largest useful number is far shorter.
_MAX_DIGITS = 400

# Airflow passes values between its processes as msgpack, which has no larger integers.
_MIN_INTEGER = -(2**63)
_MAX_INTEGER = 2**64 - 1

# PostgreSQL's JSON has no NUL, and UTF-8 no lone surrogate.
_UNSTORABLE_CHARACTERS = re.compile("[\x00\ud800-\udfff]")

# Airflow's serializers give these keys a meaning of their own.
_RESERVED_KEYS = frozenset(
    {"__classname__", "__version__", "__data__", "__id__", "__cache__", "__type", "__source", "__var"}
)


def decode_json(body: bytes) -> Any:
    """Return the value of a body.

    :param body: The whole body.
    :raises ValueError: if it is empty or not JSON; the message continues "the response …".
    """
    if not body.strip():
        raise ValueError("has no body")
    try:
        if _is_too_deep(body):
            raise ValueError
        return _JSON.decode(body.decode("utf-8-sig"))
    except ValueError:  # includes invalid UTF-8
        problem = "HTML, not JSON" if body.lstrip()[:1] == b"<" else "not valid JSON (truncated or corrupt)"
        raise ValueError(f"is {problem}") from None


def check_storable(value: Any) -> None:
    """Check that Airflow can store a decoded value in XCom, a trigger's row, its event and an asset event.

    One such value in a trigger's event would end the whole triggerer; in XCom it would fail the task although its
    request took effect.

    :raises ValueError: if it cannot; the message continues "the response …".
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _RESERVED_KEYS:
                raise ValueError(f"has the key {key!r}, which Airflow cannot store")
            check_storable(key)
            check_storable(item)
    elif isinstance(value, list):
        for item in value:
            check_storable(item)
    elif isinstance(value, str):
        if _UNSTORABLE_CHARACTERS.search(value):
            raise ValueError("has a string that Airflow cannot store: it contains NUL or a lone surrogate")
    elif (isinstance(value, int) and not _MIN_INTEGER <= value <= _MAX_INTEGER) or value in (math.inf, -math.inf):
        raise ValueError("has a number that Airflow cannot store: it does not fit into 64 bits")


def _is_too_deep(body: bytes) -> bool:
    """Return whether the value is nested too deeply to be decoded.

    Decoding it would raise a RecursionError, possibly inside other code that runs at that moment, such as the
    finalizer of another object.
    """
    if body.count(b"[") + body.count(b"{") <= _MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _ALL_BUT_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > _MAX_DEPTH


def _number(digits: str) -> int | float:
    """Read an integer; one of too many digits becomes infinite, as Python reads a fraction that is too large."""
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_int=_number, parse_constant=_refuse_constant)
