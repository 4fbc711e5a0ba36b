"""The documented shapes of an error's body."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from airflow_provider_signalwire.client.protocol.json_body import decode_json

_TEXT_CODE = re.compile("[a-z]+(_[a-z0-9]+)+")


class ErrorDetails(NamedTuple):
    """The details in the body of an error; any of them may be missing."""

    code: int | str | None = None
    message: str | None = None
    more_info: str | None = None


def read_error_details(body: bytes, quote: Callable[[Any], str | None]) -> ErrorDetails:
    """Find code, message and more_info in any of the documented shapes of an error body.

    :param quote: Prepares SignalWire's words for a message, without secrets.
    """
    try:
        decoded = decode_json(body)
    except ValueError:
        return ErrorDetails()
    if isinstance(decoded, dict) and isinstance(decoded.get("errors"), list) and decoded["errors"]:
        decoded = decoded["errors"][0]
    if isinstance(decoded, dict):
        message = quote(decoded.get("message")) or quote(decoded.get("error"))
        return ErrorDetails(_error_code(decoded.get("code"), quote), message, quote(decoded.get("more_info")))
    return ErrorDetails(message=quote(decoded))


def _error_code(code: Any, quote: Callable[[Any], str | None]) -> int | str | None:
    """Read a code: a number, a numeric string, or a word of the Calling API."""
    if isinstance(code, str) and _TEXT_CODE.fullmatch(code) and quote(code) == code:
        return code
    is_code = isinstance(code, (int, str)) and not isinstance(code, bool)
    digits = str(code) if is_code else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None
