"""One request to SignalWire, described without sending it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from airflow_provider_signalwire.client.records import Record

_SHORTEST_KEY = 8

Fields = tuple[tuple[str, str], ...]

# Both transports are given the body ready-made: aiohttp would prepare every form for being a multipart one, too.
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """What a transport sends, and how its answer is to be read.

    :param method: HTTP method.
    :param path: Absolute path, each segment percent-encoded; the next page of a list brings its query along.
    :param what: What the request does, for logs and errors: ``stop stream 'x' on call 'y'``.
    :param read_record: Checks the decoded JSON and returns it as a record; raises ``ValueError`` if it is none.
        ``None`` when the answer has no body.
    :param query: Query fields.
    :param form: Form fields of the body; they may hold secrets, so they stay out of the repr.
    :param safe_to_repeat: Whether sending it twice does the same as sending it once.
    """

    method: str
    path: str
    what: str
    read_record: Callable[[Any], Record] | None
    query: Fields = ()
    form: Fields = field(default=(), repr=False)
    safe_to_repeat: bool = True

    @property
    def target(self) -> str:
        """Path and query, both percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def body(self) -> bytes | None:
        """The form as it is sent; None if there is none."""
        return urlencode(self.form).encode() if self.form else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Form values that may be secret; an error that quotes the request must not show them."""
        values = [value for name, value in self.form if may_be_secret(name) and value]
        keys = [key for value in values if "://" in value for key in keys_in_url(value)]
        return (*values, *keys)


def keys_in_url(url: str) -> list[str]:
    """Return what a URL carries in its query and is long enough to be a key rather than a word."""
    return [value for _, value in parse_qsl(urlsplit(url).query) if len(value) >= _SHORTEST_KEY]


def may_be_secret(field_name: str) -> bool:
    """Tell whether a form field may hold what must not be shown."""
    # A URL may carry a key in its query; a stream's custom parameters may be anything.
    return field_name.endswith(("Token", "Password", "Url", "Callback", ".Value"))
