"""Keeping secrets and telephone numbers out of messages, logs and tracebacks."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from airflow_provider_signalwire.client.protocol import phone_numbers

P = ParamSpec("P")
R = TypeVar("R")

_MAX_WORD_LENGTH = 3  # a shorter secret is redacted as a whole word only, because it may be part of other words
_MIN_KEY_LENGTH = 8  # a shorter query value is a word rather than a key
_MAX_SCANNED = 10_000


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


mask_phone_numbers = clears_locals(phone_numbers.mask_phone_numbers)


@clears_locals
def short_repr(value: object, *, limit: int = 200) -> str:
    """Return a value's repr for a message: on one line, shortened, with telephone numbers masked.

    :param limit: Maximum length.
    """
    try:
        if isinstance(value, str):  # repr would escape some characters by which a number is recognized
            text = repr(mask_phone_numbers(value[:_MAX_SCANNED]))
        else:
            # A longer value is not read to its end: it may have any size.
            part = value[:limit] if isinstance(value, (bytes, list, tuple)) and len(value) > limit else value
            text = mask_phone_numbers(repr(part)[:_MAX_SCANNED])
    except Exception:
        text = f"an unreadable {type(value).__name__}"
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


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
