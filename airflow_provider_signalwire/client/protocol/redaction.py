"""Keeping secrets and telephone numbers out of messages, logs and tracebacks."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

P = ParamSpec("P")
R = TypeVar("R")

_MAX_WORD_LENGTH = 3  # a shorter secret is redacted as a whole word only, because it may be part of other words
_MIN_KEY_LENGTH = 8  # a shorter query value is a word rather than a key
_MAX_SCANNED = 10_000

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# These have as many digits as a telephone number.
_LOOKALIKES = (
    r"(?<![0-9A-Za-z])[0-9A-Za-z]{8}(?:-[0-9A-Za-z]{4}){3}-[0-9A-Za-z]{12}(?![0-9A-Za-z])",  # UUIDs
    r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)",  # dates
    r"(?<!\d)\d{1,2}(?P<point>[/.])\d{1,2}(?P=point)\d{4}(?!\d)",
    r"(?<!\d)\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[+-]\d\d:?\d\d(?!\d))?(?!\d)",  # times, with their zone
    r"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?!\d)",
    r"(?<!\d)1[6-9]\d{8}(?:\d{3})?(?!\d)(?:\.\d+)?",  # seconds or milliseconds since 1970
    rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.]*\d)",  # IP addresses
)
_SEPARATOR = r"(?:%20|[ \u00a0\u2007\u2009\u202f./()\u2010-\u2015\u2212-]){1,3}"
_NOT_AFTER_WORD = r"(?<![0-9A-Za-z+%])(?<!\d\.)"
_NOT_IN_WORD = r"(?:(?=x\d)|(?![0-9A-Za-z]))"
_NUMBERS = (
    r"(?:\+|%2[Bb])\d{7,15}(?!\d)",  # +15551234567
    rf"(?:\+|%2[Bb])\(?\d{{1,6}}(?:{_SEPARATOR}\d{{1,12}})+(?!\d)",  # +1 (555) 123-4567
    rf"{_NOT_AFTER_WORD}\d{{10,15}}(?!\d){_NOT_IN_WORD}",  # 15551234567
    rf"{_NOT_AFTER_WORD}\(?\d{{1,9}}(?:{_SEPARATOR}\d{{1,9}})+(?!\d){_NOT_IN_WORD}",  # (555) 123-4567
)
_LOOKALIKE_OR_NUMBER = re.compile(f"(?P<lookalike>{'|'.join(_LOOKALIKES)})|{'|'.join(_NUMBERS)}")
_MIN_DIGITS_AFTER_PLUS = 7
_MIN_DIGITS = 10


class Secrets:
    """Strings that must not be shown; a traceback with local variables shows none of them.

    :param secrets: The secrets.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(dict.fromkeys(secrets))

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __repr__(self) -> str:
        return f"<{len(self._secrets)} secrets>"


def clear_locals(error: BaseException) -> None:
    """Clear the local variables of every finished frame in an exception's tracebacks.

    They may hold a token or a telephone number, and some tools show them. Files and lines stay.
    """
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            traceback.clear_frames(link.__traceback__)
            chain += [link.__cause__, link.__context__]


def clears_locals(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function whose arguments may be secret: an exception that leaves it carries no local variables."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            clear_locals(error)
            raise

    return call


@clears_locals
def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a string by ``***``."""
    # The longest first: a shorter one may be a part of it and would leave its rest readable.
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        text = re.sub(pattern if len(secret) > _MAX_WORD_LENGTH else rf"(?<!\w){pattern}(?!\w)", "***", text)
    return text


@clears_locals
def mask_phone_numbers(text: str, *, known: Iterable[str] = ()) -> str:
    """Replace every telephone number in a string by ``***`` and its last four digits.

    A telephone number is a run of digits, in one piece or in groups that spaces, hyphens, dots or parentheses
    separate: at least 7 digits after a ``+`` (in a URL, ``%2B``), otherwise at least 10. More than 15 digits in one
    piece are no telephone number. Slashes separate groups after a ``+`` or a leading ``0`` only.

    Left alone are digits that are part of a word, UUIDs, dates, times, seconds and milliseconds since 1970, decimal
    numbers and IP addresses.

    :param known: Numbers and addresses to mask however short they are, in any grouping.
    """
    for number in known:
        for pattern in _spellings(number):
            text = re.sub(pattern, lambda found: _masked(found[0]), text)
    return _LOOKALIKE_OR_NUMBER.sub(_mask_match, text)


def _spellings(number: str) -> Iterator[str]:
    for spelling in {number, quote(number, safe="", errors="replace")}:
        if spelling:
            yield rf"(?<!\w){re.escape(spelling)}(?!\w)"
    digits = _digits(number)
    if len(digits) >= _MIN_DIGITS_AFTER_PLUS:
        yield rf"(?<!\w)(?:\+|%2[Bb])?\(?{f'(?:{_SEPARATOR})?'.join(digits)}(?!\d)"


def _mask_match(found: re.Match[str]) -> str:
    text = found[0]
    has_plus = text[0] in "+%"
    too_few = len(_digits(text)) < (_MIN_DIGITS_AFTER_PLUS if has_plus else _MIN_DIGITS)
    is_decimal = text.count(".") == 1 and text.replace(".", "").isdigit()
    is_fraction = "/" in text and not has_plus and not text.startswith("0")
    return text if found["lookalike"] or too_few or is_decimal or is_fraction else _masked(text)


def _masked(number: str) -> str:
    digits = _digits(number)
    plus = "+" if number.startswith("+") or number[:3].upper() == "%2B" else ""
    return f"{plus}***{digits[-4:] if len(digits) >= _MIN_DIGITS_AFTER_PLUS else ''}"


def _digits(number: str) -> str:
    without_escapes = re.sub("%2[Bb]|%20", "", number)
    return "".join(character for character in without_escapes if character.isdigit())


@clears_locals
def short_repr(value: object, *, limit: int = 200, secrets: Iterable[str] = ()) -> str:
    """Return a value's repr for a message: on one line, shortened, without secrets and telephone numbers.

    :param limit: Maximum length.
    """
    try:
        if isinstance(value, str):  # repr would escape some characters by which a number is recognized
            text = repr(_without_secrets(value[:_MAX_SCANNED], secrets))
        else:
            # A longer value is not read to its end: it may have any size.
            part = value[:limit] if isinstance(value, (bytes, list, tuple)) and len(value) > limit else value
            text = _without_secrets(repr(part)[:_MAX_SCANNED], secrets)
    except Exception:
        text = f"an unreadable {type(value).__name__}"
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _without_secrets(text: str, secrets: Iterable[str]) -> str:
    return mask_phone_numbers(redact(text, secrets))


def secrets_in_url(url: str) -> set[str]:
    """Return the keys in a URL's query and its login, decoded and as written."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}  # it is refused before it is sent; any part of it may be a secret
    keys = [value for _, value in parse_qsl(parts.query) if len(value) >= _MIN_KEY_LENGTH]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    written = [value for value in values if unquote_plus(value) in keys]
    password = parts.password or parts.username  # a user name alone is a token
    return {*keys, *written, *([password, unquote(password)] if password else [])}
