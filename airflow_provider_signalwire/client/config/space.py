"""The origin of a Space, from the spellings that users have for it."""

from __future__ import annotations

import ipaddress
import re
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

T = TypeVar("T", str, int)

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_EXPECTED = "expected a Space such as 'acme', 'acme.signalwire.com' or 'https://acme.signalwire.com'"


def space_origin(*, host: str | None, schema: str | None = None, port: int | None = None) -> str:
    """Return ``scheme://host[:port]`` of a Space.

    :param host: Space name, host name or URL; scheme and port may be part of it.
    :param schema: The connection's field Schema.
    :param port: The connection's field Port; 0, which Airflow's UI sends for an empty field, means none.
    :raises SignalWireConfigurationError: if it is not a host name, the fields conflict, or it is plain http to
        another machine.
    """
    text = (host or "").strip()
    if not text:
        raise SignalWireConfigurationError(f"The connection's Space (host) is empty: {_EXPECTED}.")
    url = _split(text)
    name = _host_name(url, text)
    schema = (schema or "").strip().lower() or None
    scheme = _reconcile("scheme", "Schema", url.scheme or None, schema) or "https"
    if scheme not in _DEFAULT_PORTS:
        raise SignalWireConfigurationError(f"The connection's scheme is {short_repr(scheme)}: expected 'https'.")
    if scheme == "http" and not is_loopback(name):
        raise SignalWireConfigurationError(
            f"The connection uses plain http for {name!r}, which would send the API token unencrypted: expected https. "
            "Plain http is allowed for loopback hosts only, for the simulator."
        )
    port = _reconcile("port", "Port", _port_of(url), port or None)
    if port is not None and not 1 <= port <= 65535:
        raise SignalWireConfigurationError(f"The connection's Port is {port}: expected 1 to 65535.")
    netloc = f"[{name}]" if ":" in name else name
    return f"{scheme}://{netloc}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{netloc}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult:
    """Split a Space; anything but a bare origin is refused without quoting what may be a secret."""
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
    except ValueError:
        raise SignalWireConfigurationError(f"The connection's Space (host) is not a host name: {_EXPECTED}.") from None
    if "@" in url.netloc:
        raise SignalWireConfigurationError(
            "The connection's Space (host) contains a login: enter the Project ID and the API token in their own "
            "fields."
        )
    if url.path not in ("", "/") or url.query or url.fragment:
        raise SignalWireConfigurationError(
            f"The connection's Space (host) must be a host name without a path: {_EXPECTED}."
        )
    return url


def _host_name(url: SplitResult, text: str) -> str:
    name = url.hostname or ""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise SignalWireConfigurationError(
            f"The connection's Space (host) is {short_repr(text)}, not a host name: {_EXPECTED}."
        )
    return name if "." in name or is_loopback(name) else f"{name}.signalwire.com"


def _port_of(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise SignalWireConfigurationError(
            "The connection's Space (host) has a port that is not a number from 1 to 65535."
        ) from None


def _reconcile(name: str, field: str, in_host: T | None, in_field: T | None) -> T | None:
    """Return the value that host and field agree on."""
    if in_host is not None and in_field is not None and in_host != in_field:
        raise SignalWireConfigurationError(
            f"The connection conflicts: its Space (host) has the {name} {short_repr(in_host)}, its field {field} has "
            f"{short_repr(in_field)}. Leave one of them empty."
        )
    return in_host if in_host is not None else in_field
