"""Checks of what users pass in, each naming the parameter, what it got and what it should be."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime as _write_rfc_2822
from urllib.parse import quote, urlsplit

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # UTF-8 cannot express it
_ENCODED_ALREADY = re.compile("[A-Za-z0-9_~-]+")  # what percent-encoding leaves as it is: most SIDs
_NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # nor control characters, line breaks


def encode_path_segment(name: str, value: str) -> str:
    """Percent-encode a SID or a name as one segment of a path.

    :raises SignalWireConfigurationError: if it is empty, or would not arrive as the one segment it is.
    """
    if isinstance(value, str) and _ENCODED_ALREADY.fullmatch(value):
        return value
    text = validate_text(name, value)
    if text in (".", "..") or "/" in text or "\\" in text:
        raise _wrong(name, value, "a SID or a name without '/' and '\\', and neither '.' nor '..'")
    if text.endswith(".json"):
        # The API takes `.json` off the end of a path, so this would reach another resource.
        raise _wrong(name, value, "a SID or a name that does not end in '.json'")
    return quote(text, safe="")


def validate_text(name: str, value: str, *, may_be_secret: bool = False) -> str:
    """Return a text that is not blank, has no control character and can be sent as UTF-8.

    :param may_be_secret: Do not repeat the value in the message.
    """
    if not isinstance(value, str):
        raise _wrong(name, value, "text", may_be_secret=may_be_secret)
    if not value.strip():
        raise _wrong(name, value, "text that is not blank", may_be_secret=may_be_secret)
    if _NOT_PLAIN.search(value):
        raise _wrong(name, value, "text without control characters", may_be_secret=may_be_secret)
    return value


def is_form_text(value: object) -> bool:
    """Tell whether a value is a text that a form field can carry: any but an empty one or lone surrogates."""
    return isinstance(value, str) and value != "" and not _LONE_SURROGATE.search(value)


def validate_number(name: str, value: float, *, minimum: float = 0.0, maximum: float = math.inf) -> float:
    """Return a number that is neither below the minimum nor above the maximum."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    limit = f" and at most {maximum:g}" if maximum < math.inf else ""
    if not is_number or not minimum <= value <= maximum or value == math.inf:
        raise _wrong(name, value, f"a number of at least {minimum:g}{limit}")
    return value


def validate_choice(name: str, value: str, allowed: Collection[str]) -> str:
    """Return a word that is one of those the API knows."""
    if not isinstance(value, str) or value not in allowed:
        raise _wrong(name, value, " or ".join(repr(word) for word in sorted(allowed)))
    return value


def validate_url(name: str, value: str, *, schemes: Iterable[str]) -> str:
    """Return a URL with a host and one of the schemes; the message never repeats it, for it may hold a secret."""
    expected = " or ".join(f"'{scheme}://…'" for scheme in schemes)
    problem = "is not text"
    if isinstance(value, str):
        try:
            url = urlsplit(value)
        except ValueError:
            problem = "is not a URL"
        else:
            if url.scheme in schemes and url.hostname and value.isprintable() and " " not in value:
                return value
            problem = f"has the scheme {url.scheme!r}" if url.scheme not in schemes else "is not a URL with a host"
    raise SignalWireConfigurationError(f"Parameter '{name}' {problem}: expected {expected}.")


def format_datetime(name: str, value: datetime | str) -> str:
    """Write a moment as the API wants it: RFC 2822, GMT. A text is taken as already written so."""
    if isinstance(value, str):
        return validate_text(name, value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wrong(name, value, "a datetime with a time zone")
    return _write_rfc_2822(value.astimezone(UTC), usegmt=True)


def _wrong(name: str, value: object, expected: str, *, may_be_secret: bool = False) -> SignalWireConfigurationError:
    what = f"of type {type(value).__name__} and not shown" if may_be_secret else short_repr(value)
    return SignalWireConfigurationError(f"Parameter '{name}' is {what}: expected {expected}.")
