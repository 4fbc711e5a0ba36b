"""One request to SignalWire, described without sending it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from airflow_provider_signalwire.client.policy.observer import Delivery
from airflow_provider_signalwire.client.protocol.records import Record
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, secrets_in_url

Fields = tuple[tuple[str, str], ...]

_PHONE_NUMBER_FIELDS = frozenset({"To", "From", "CallerId"})

# Both transports are given the body ready-made: aiohttp would prepare every form for being a multipart one, too.
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiRequest:
    """What a transport sends, and how its answer is to be read.

    :param operation: What kind of request it is, for metrics: the name of the function that makes it.
    :param method: HTTP method.
    :param path: Absolute path, each segment percent-encoded; the next page of a list brings its query along.
    :param what: What the request does, for logs and errors: ``stop stream 'x' on call 'y'``.
    :param read_record: Checks the decoded JSON and returns it as a record; raises ``ValueError`` if it is none.
        ``None`` when the answer has no body.
    :param query: Query fields.
    :param form: Form fields of the body.
    :param safe_to_repeat: Whether sending it twice does the same as sending it once.
    :param delivery: How it was sent; the transport writes it down here.
    """

    operation: str
    method: str
    path: str
    what: str
    read_record: Callable[[Any], Record] | None
    query: Fields = ()
    form: Fields = ()
    safe_to_repeat: bool = True
    delivery: Delivery = field(default_factory=Delivery, compare=False)

    def __repr__(self) -> str:
        # Query, form and path may hold secrets and telephone numbers.
        return f"<{type(self).__name__} {self.operation}: {self.shown}>"

    @property
    def target(self) -> str:
        """Path and query, both percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def body(self) -> bytes | None:
        """The form as it is sent; None if there is none."""
        return urlencode(self.form).encode() if self.form else None

    @property
    def shown(self) -> str:
        """What the request does, fit for a log line."""
        return mask_phone_numbers(self.what)

    @property
    def phone_numbers(self) -> tuple[str, ...]:
        """Telephone numbers sent along, in whatever way they are written."""
        return tuple(value for name, value in (*self.query, *self.form) if name in _PHONE_NUMBER_FIELDS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Form values that may be secret; an error that quotes the request must not show them."""
        values = [value for name, value in self.form if may_be_secret(name) and value]
        in_urls = [secret for value in values if "://" in value for secret in secrets_in_url(value)]
        return (*values, *in_urls)


def may_be_secret(field_name: str) -> bool:
    """Tell whether a form field may hold what must not be shown."""
    # A URL may carry a key in its query; a stream's custom parameters may be anything.
    return field_name.endswith(("Token", "Password", "Url", "Callback", ".Value"))
