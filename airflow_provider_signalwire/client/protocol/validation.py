"""Validation of what users pass in. Each message names the parameter, what it got and what is expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import TypeGuard
from urllib.parse import quote, urlsplit

from airflow_provider_signalwire.client.protocol.redaction import clears_locals, mask_phone_numbers, short_repr
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ONE_DAY = 24 * 3600.0
ONE_YEAR = 365 * ONE_DAY

# What a missing value becomes when a template renders it, by itself and with the filter `tojson`.
_MISSING = frozenset({"None", "null"})
_NEEDS_NO_ENCODING = re.compile("[A-Za-z0-9_~-]+")  # most SIDs
_NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DIGITS = re.compile(r"\s*\d{1,20}\s*")
_NUMERIC = re.compile(r"\s*-?\d{1,20}(\.\d{1,20})?\s*")
_RECORD_AS_TEXT = re.compile(r"""\s*\{.*["']sid["']\s*:""", re.DOTALL)
_KNOWN_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_HINT_MISSING = " An upstream task probably returned nothing: it was skipped, or it pushed no XCom."


def encode_path_segment(name: str, value: object) -> str:
    """Validate a SID or a name and percent-encode it as one segment of a path.

    :raises SignalWireConfigurationError: if it is missing, or would not arrive as the one segment it is.
    """
    if isinstance(value, str) and _NEEDS_NO_ENCODING.fullmatch(value) and value not in _MISSING:
        return value
    return quote(validate_sid(name, value), safe="")


@clears_locals
def validate_sid(name: str, value: object) -> str:
    """Return a SID or a name, unchanged, if it can be one segment of a path."""
    expected = "a SID or a name"
    if isinstance(value, Mapping) or (isinstance(value, str) and _RECORD_AS_TEXT.match(value)):
        has_sid = isinstance(value, str) or "sid" in value
        advice = """pass its 'sid', for example start.output["sid"]""" if has_sid else f"expected {expected}"
        raise SignalWireConfigurationError(f"Parameter '{name}' is a whole record: {advice}.")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise SignalWireConfigurationError(
            f"Parameter '{name}' is the number {short_repr(value)}: expected {expected} as a string. With "
            "render_template_as_native_obj, Airflow turns a string of digits into a number."
        )
    text = _plain_text(name, value, expected)
    if _has_space_around(text):
        raise invalid_value(name, value, f"{expected} without white space around it")
    if text in (".", "..") or "/" in text or "\\" in text:
        raise invalid_value(name, value, f"{expected} without '/' and '\\', and neither '.' nor '..'")
    if text.endswith(".json"):
        # The API removes `.json` from the end of a path, so this would reach another resource.
        raise invalid_value(name, value, f"{expected} that does not end in '.json'")
    return text


@clears_locals
def validate_text(name: str, value: object, *, may_be_secret: bool = False) -> str:
    """Return a string that is neither missing nor blank and has no control characters.

    :param may_be_secret: Do not quote the value in the message.
    """
    return _plain_text(name, value, "a string", _type_only if may_be_secret else short_repr)


def validate_phone_number(name: str, value: object) -> str:
    """Return a telephone number or a SIP address. A message shows at most its last four digits."""
    expected = "a telephone number such as '+15551230100' or a SIP address, as a string"
    text = _plain_text(name, value, expected, _masked_repr)
    if _has_space_around(text):
        raise invalid_value(name, value, f"{expected}, without white space around it", _masked_repr)
    return text


def validate_url(name: str, value: object, *, schemes: Iterable[str]) -> str:
    """Return a URL with a host and one of the schemes. A message never quotes it: it may hold a secret."""
    schemes = tuple(schemes)
    expected = " or ".join(f"'{scheme}://…'" for scheme in schemes)
    if _is_missing(value):
        raise invalid_value(name, value, expected)
    if problem := _url_problem(value, schemes):
        raise SignalWireConfigurationError(f"Parameter '{name}' {problem}: expected {expected}.")
    return str(value)


def validate_choice(name: str, value: object, allowed: Collection[str]) -> str:
    """Return a string that is one of those allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise invalid_value(name, value, " or ".join(repr(choice) for choice in sorted(allowed)))
    return value


def validate_number(name: str, value: object, *, minimum: float = 0.0) -> float:
    """Return a number that is large enough."""
    if not _is_number(value, minimum, math.inf) or value == math.inf:
        raise invalid_value(name, value, f"a number of at least {_plain(minimum)}")
    return value


def validate_integer(name: str, value: object, *, minimum: int, maximum: int, templated: bool = False) -> int:
    """Return an integer within limits.

    :param templated: Accept a string of digits, too, which is what a template renders.
    """
    number = int(value) if templated and isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if not _is_number(number, minimum, maximum) or not isinstance(number, int):
        raise invalid_value(name, value, f"an integer{_limits(minimum, maximum)}", templated=templated)
    return number


def validate_duration(
    name: str, value: object, *, minimum: float = 0.0, maximum: float = ONE_YEAR, templated: bool = False
) -> float:
    """Return a duration in seconds.

    :param value: Seconds, or a timedelta.
    :param templated: Accept a numeric string, too, which is what a template renders.
    """
    seconds: object = value
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif templated and isinstance(value, str) and _NUMERIC.fullmatch(value):
        seconds = float(value)
    if not _is_number(seconds, minimum, maximum):
        limits = f"from {_plain(minimum)} seconds to {_plain(maximum / ONE_DAY)} days"
        raise invalid_value(name, value, f"seconds or a timedelta, {limits}", templated=templated)
    return float(seconds)


def validate_boolean(name: str, value: object, *, templated: bool = False) -> bool:
    """Return a boolean.

    :param templated: Accept ``"true"`` and ``"false"``, too, which is what a template renders.
    """
    text = value.strip().lower() if templated and isinstance(value, str) else ""
    if isinstance(value, bool) or text in ("true", "false"):
        return value is True or text == "true"
    raise invalid_value(name, value, "True or False", templated=templated)


def invalid_value(
    name: str,
    value: object,
    expected: str,
    quote_value: Callable[[object], str] = short_repr,
    *,
    templated: bool = True,
) -> SignalWireConfigurationError:
    """Return the error for a value that is not valid.

    :param expected: What is expected, for the message.
    :param quote_value: How to quote the value in the message.
    :param templated: Whether a template may have rendered it, so that an upstream task may be why it is missing.
    """
    is_missing = _is_missing(value)
    got = short_repr(value) if is_missing else quote_value(value)
    hint = _HINT_MISSING if is_missing and templated else ""
    return SignalWireConfigurationError(f"Parameter '{name}' is {got}: expected {expected}.{hint}")


def missing_value(name: str) -> SignalWireConfigurationError:
    """Return the error for a parameter that was set in the DAG, but whose value turned out to be None."""
    return invalid_value(name, None, "a value")


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and (not value.strip() or value.strip() in _MISSING))


def _has_space_around(text: str) -> bool:
    """Return whether a string begins or ends with white space, or with another invisible character."""
    return text != text.strip() or not (text[0] + text[-1]).isprintable()


def _plain_text(name: str, value: object, expected: str, quote_value: Callable[[object], str] = short_repr) -> str:
    if not isinstance(value, str) or _is_missing(value):
        raise invalid_value(name, value, expected, quote_value)
    if _NOT_PLAIN.search(value):
        raise invalid_value(name, value, f"{expected} without control characters", quote_value)
    return value


def _url_problem(value: object, schemes: Collection[str]) -> str:
    if not isinstance(value, str):
        return "is not a string"
    try:
        url = urlsplit(value)
        has_host = bool(url.hostname) and url.port != 0  # reading an invalid port raises ValueError
    except ValueError:
        return "is not a URL"
    if url.scheme not in schemes:
        return f"has the scheme '{url.scheme}'" if url.scheme in _KNOWN_SCHEMES else "has another scheme or none"
    return "" if has_host and value.isprintable() and " " not in value else "is not a URL with a host"


def _is_number(value: object, minimum: float, maximum: float) -> TypeGuard[float]:
    """Return whether a value is a number within limits; a boolean is not one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and minimum <= value <= maximum


def _limits(minimum: float, maximum: float) -> str:
    return f" from {_plain(minimum)} to {_plain(maximum)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def _type_only(value: object) -> str:
    return f"a {type(value).__name__}, which is not shown"


def _masked_repr(value: object) -> str:
    """Mask a telephone number however short it is."""
    return mask_phone_numbers(short_repr(value), known=[str(value).strip()] if isinstance(value, (str, int)) else ())
