"""One request to SignalWire, described without sending it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, secrets_in_url

T = TypeVar("T")

Fields = tuple[tuple[str, str], ...]

_PHONE_NUMBER_FIELDS = frozenset({"To", "From", "CallerId"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiRequest(Generic[T]):
    """A request, and how its response is read.

    :param operation: Kind of request, for metrics: the name of the function that builds it.
    :param method: HTTP method.
    :param path: Absolute path, each segment percent-encoded; the next page of a list includes its query.
    :param description: What the request does, for logs and errors: ``stop stream 'x' on call 'y'``.
    :param read_record: Checks the decoded JSON and returns it as a record; raises ``ValueError`` if it is not one.
    :param expects_body: False for an endpoint whose success has no body; ``read_record`` is then given None.
    :param query: Query fields.
    :param form: Form fields of the body.
    :param safe_to_repeat: Whether sending it twice has the same effect as sending it once.
    """

    operation: str
    method: str
    path: str
    description: str
    read_record: Callable[[Any], T]
    expects_body: bool = True
    query: Fields = ()
    form: Fields = ()
    safe_to_repeat: bool = True

    def __repr__(self) -> str:
        # Path, query and form may hold secrets and telephone numbers.
        return f"<{type(self).__name__} {self.operation}: {self.log_description}>"

    @property
    def target(self) -> str:
        """Path and query, both percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def body(self) -> bytes | None:
        """The URL-encoded form; None if there is none."""
        return urlencode(self.form).encode() if self.form else None

    @property
    def log_description(self) -> str:
        """What the request does, with telephone numbers masked."""
        return mask_phone_numbers(self.description)

    @property
    def phone_numbers(self) -> tuple[str, ...]:
        """Telephone numbers in the request, however they are written."""
        return tuple(value for name, value in (*self.query, *self.form) if name in _PHONE_NUMBER_FIELDS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Form values that may be secret; an error that quotes the request must not show them."""
        values = [value for name, value in self.form if may_be_secret(name) and value]
        in_urls = [secret for value in values if "://" in value for secret in secrets_in_url(value)]
        return (*values, *in_urls)


def may_be_secret(field_name: str) -> bool:
    """Return whether a form field may hold a secret."""
    # A URL may carry a key in its query; a stream's custom parameters may be anything.
    return field_name.endswith(("Token", "Password", "Url", "Callback", ".Value"))
