"""The connection's extras: which there are, what they may hold, and what they default to."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

log = logging.getLogger(__name__)


def read_extras(extra: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connection's extras as keyword arguments for ClientSettings; null means the default.

    An unknown extra is warned of and ignored. Connection URIs can only carry text, so ``"10"`` and
    ``"false"`` are taken for the number and the boolean they spell.

    :param extra: The connection's Extra, as JSON text or decoded.
    :raises SignalWireConfigurationError: if it is no JSON object, or a value has the wrong type or range.
    """
    given = _decoded(extra)
    unknown = sorted(str(name) for name in set(given) - set(_EXTRAS))
    if unknown:
        log.warning(
            "The SignalWire connection has extras this provider does not know; they are ignored: %s. Known: %s.",
            ", ".join(unknown),
            ", ".join(_EXTRAS),
        )
    # An empty text is what a form sends for a field left empty.
    return {name: read(name, given[name]) for name, read in _EXTRAS.items() if given.get(name) not in (None, "")}


def _decoded(extra: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(extra, str):
        try:
            extra = json.loads(extra) if extra.strip() else None
        except (ValueError, RecursionError):  # the latter for too deep nesting
            raise SignalWireConfigurationError("The connection's Extra is not valid JSON.") from None
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise SignalWireConfigurationError(
            f"The connection's Extra is a JSON {type(extra).__name__}: expected an object."
        )
    return extra


def _wrong(name: str, value: object, expected: str) -> SignalWireConfigurationError:
    return SignalWireConfigurationError(f"The connection's extra {name!r} is {short_repr(value)}: expected {expected}.")


@dataclass(frozen=True)
class _Number:
    minimum: float
    maximum: float
    unit: str
    convert: Callable[[float], float] = float

    def __call__(self, name: str, value: object) -> float:
        expected = f"{self.unit} from {self.minimum:g} to {self.maximum:g}"
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise _wrong(name, value, expected)
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise _wrong(name, value, expected) from None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            raise _wrong(name, value, expected)
        if self.convert(number) != number:
            raise _wrong(name, value, expected)
        return self.convert(number)


def _boolean(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _wrong(name, value, "true or false")


def _existing_file(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "the path of a PEM file")
    if value.lstrip().startswith("-----BEGIN"):  # it may be the private key, so it is not repeated
        raise SignalWireConfigurationError(
            f"The connection's extra {name!r} is the content of a file: expected the path of a PEM file."
        )
    if not os.path.isfile(value):
        raise _wrong(name, value, "the path of a PEM file that exists on the machine that runs the task")
    return value


def proxy_address(whose: str, value: object) -> str:
    """Return a proxy's URL.

    :param whose: What gave it, for the message, which never repeats the URL: it may hold a password.
    :raises SignalWireConfigurationError: if it is none.
    """
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        is_proxy = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_proxy = False
    if not isinstance(value, str) or not is_proxy or any(character.isspace() for character in value):
        raise SignalWireConfigurationError(
            f"{whose} is no proxy address: expected one like 'http://proxy.example.com:3128'."
        )
    return value


def _proxy(name: str, value: object) -> str:
    return proxy_address(f"The connection's extra {name!r}", value)


_EXTRAS: dict[str, Callable[[str, object], Any]] = {
    "timeout": _Number(0.1, 3600, "seconds"),
    "connect_timeout": _Number(0.1, 300, "seconds"),
    "max_attempts": _Number(1, 100, "a whole number", int),
    "max_retry_seconds": _Number(0, 3600, "seconds"),
    "verify": _boolean,
    "ca_bundle": _existing_file,
    "proxy": _proxy,
}
