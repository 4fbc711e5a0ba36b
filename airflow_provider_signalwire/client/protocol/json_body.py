"""The JSON of an answer's body, whatever bytes that body is made of."""

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


def decode_json(body: bytes) -> Any:
    """Return what a body holds.

    :param body: The body, whole.
    :raises ValueError: if it is empty or no JSON, in words that go on from "the answer".
    """
    if not body.strip():
        raise ValueError("has no body")
    try:
        if _is_too_deep(body):
            raise ValueError
        return _JSON.decode(body.decode("utf-8-sig"))
    except ValueError:  # wrong UTF-8 and numbers of thousands of digits are among them
        kind = "HTML" if body.lstrip()[:1] == b"<" else "cut off or damaged"
        raise ValueError(f"is not valid JSON but {kind}") from None


def _is_too_deep(body: bytes) -> bool:
    """Tell whether the decoder would go down too far.

    It would end in a RecursionError, which hits whatever Python runs at that moment: a finalizer of somebody else's,
    for example, which then does not do its work.
    """
    if body.count(b"[") + body.count(b"{") <= _MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _ALL_BUT_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > _MAX_DEPTH


def _finite(number: str) -> float:
    """Read a number; what is none, or too large to be one, has no place in JSON and could not be stored in XCom."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("is no finite number")
    return value


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
