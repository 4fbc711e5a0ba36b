"""Keeping secrets and telephone numbers out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

_SHORT = 3

# A SID may consist of digits alone, so it has to be known for what it is.
_SID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_NUMBERS = (
    r"(?:\+|%2[Bb])\d{7,15}(?!\d)",  # +15551234567, in a URL, too
    r"\+\d{1,4}(?:[ .-]?\(\d{1,4}\)|[ .-]\d{1,5})(?:[ .-]?\d{1,5}){1,4}(?!\d)",  # +1 (555) 123-4567
    r"(?<![\w.+%-])\(?\d{3}\)?[ .-]?\d{3}[ .-]\d{4}(?![\w-])",  # (555) 123-4567
    r"(?<![\w.+%-])\d{10,15}(?![\w-])",  # 15551234567
)
_SID_OR_NUMBER = re.compile("|".join((f"(?P<sid>{_SID})", *_NUMBERS)))
_FEWEST_DIGITS = 7
# What is shorter is a word rather than a key.
_SHORTEST_KEY = 8


class Secrets:
    """Texts to keep out of what is shown; whoever shows a traceback with local variables shows none of them.

    :param texts: The secrets.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text."""
    # The longest first, for a shorter one may be a part of it and would leave its rest readable.
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        # One like 'en' is blanked out as a word only, or it would riddle every message.
        text = re.sub(pattern if len(secret) > _SHORT else rf"(?<!\w){pattern}(?!\w)", "***", text)
    return text


def mask_phone_numbers(text: str, *, known: Iterable[str] = ()) -> str:
    """Leave no more than the last four digits of every telephone number in a text.

    :param known: Numbers to mask in whatever way they are written, besides those that look like one.
    """
    for number in known:
        for written in (number, quote(number, safe="")):
            text = re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", _masked(number), text)
    return _SID_OR_NUMBER.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    return found[0] if found["sid"] or len(_digits(found[0])) < _FEWEST_DIGITS else _masked(found[0])


def _masked(number: str) -> str:
    digits = _digits(number)
    plus = "+" if number.startswith("+") or number[:3].upper() == "%2B" else ""
    return f"{plus}***{digits[-4:] if len(digits) >= _FEWEST_DIGITS else ''}"


def _digits(number: str) -> str:
    return "".join(character for character in number.removeprefix("%2") if character.isdigit())


def short_repr(value: object, *, limit: int = 200) -> str:
    """Write a value into a message, shortened."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = f"an unreadable {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def secrets_in_url(url: str) -> set[str]:
    """Return the keys in a URL's query and its password, both as they are meant and as they are written there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}  # it is refused before it is sent; nobody knows what of it is a secret
    keys = [value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_KEY]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    written = [value for value in values if unquote_plus(value) in keys]
    passwords = [parts.password, unquote(parts.password)] if parts.password else []
    return {*keys, *written, *passwords}
