"""One request to SignalWire, described without sending it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from airflow_provider_signalwire.client.protocol.http import FORM_CONTENT_TYPE, JSON_CONTENT_TYPE
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, secrets_in_url

T = TypeVar("T")

Fields = tuple[tuple[str, str], ...]

_MAX_QUOTED = 100
_PHONE_NUMBER_FIELDS = frozenset({"To", "From", "CallerId", "to", "from", "caller_id"})
# Objects in a command's parameters that may hold anything.
_OPAQUE_FIELDS = frozenset({"custom_parameters", "custom_variables", "swml"})


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
    :param json: JSON object in the body, instead of a form.
    :param advice: What to do next, by error code or HTTP status, where the general advice does not fit.
    :param safe_to_repeat: Whether sending it twice has the same effect as sending it once.
    :param follows: An earlier request, such as the start of the stream that this one stops. The response may quote that
        one's secrets and telephone numbers, too.
    """

    operation: str
    method: str
    path: str
    description: str
    read_record: Callable[[Any], T]
    expects_body: bool = True
    query: Fields = ()
    form: Fields = ()
    json: Mapping[str, Any] | None = None
    advice: Mapping[int | str, str] = field(default_factory=dict)
    safe_to_repeat: bool = True
    follows: ApiRequest[Any] | None = None

    def __repr__(self) -> str:
        # Path, query and form may hold secrets and telephone numbers.
        return f"<{type(self).__name__} {self.operation}: {self.log_description}>"

    @property
    def target(self) -> str:
        """Path and query, both percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def body(self) -> bytes | None:
        """The JSON object or the URL-encoded form; None if there is neither."""
        if self.json is not None:
            return json.dumps(self.json, separators=(",", ":")).encode()
        return urlencode(self.form).encode() if self.form else None

    @property
    def content_type(self) -> str:
        """Media type of the body."""
        return FORM_CONTENT_TYPE if self.json is None else JSON_CONTENT_TYPE

    @property
    def log_description(self) -> str:
        """What the request does, with telephone numbers masked."""
        return mask_phone_numbers(self.description)

    @property
    def phone_numbers(self) -> tuple[str, ...]:
        """Telephone numbers in the request, however they are written."""
        own = (value for name, value in (*self.query, *self._fields) if name in _PHONE_NUMBER_FIELDS)
        return (*own, *(self.follows.phone_numbers if self.follows else ()))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values in the body that may be secret; an error that quotes the request must not show them."""
        values = [value for name, value in self._fields if may_be_secret(name) and value]
        in_urls = [secret for value in values if "://" in value for secret in secrets_in_url(value)]
        return (*values, *in_urls, *(self.follows.secrets if self.follows else ()))

    @property
    def _fields(self) -> Fields:
        return self.form if self.json is None else tuple(_strings_in(self.json))


def _strings_in(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each string in a JSON value, with the name of its field or of the object that may hold anything."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings_in(item, name if name in _OPAQUE_FIELDS else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings_in(item, name)


def may_be_secret(field_name: str) -> bool:
    """Return whether a field of the body may hold a secret."""
    # A URL may carry a key in its query; a stream's custom parameters may be anything; digits to dial may be a PIN.
    suffixes = ("Token", "Password", "Url", "Callback", ".Value", "Digits", "token", "password", "url")
    return field_name.endswith(suffixes) or field_name in _OPAQUE_FIELDS


def quote_sid(sid: str) -> str:
    """Return a SID or a name for a request's description."""
    return repr(sid) if len(sid) <= _MAX_QUOTED else f"{sid[:_MAX_QUOTED]!r}..."
