"""From what a user calls a Space to the origin its API answers at."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_DEFAULT_PORTS = {"https": 443, "http": 80}
_EXPECTED = "expected a Space such as 'acme', 'acme.signalwire.com' or 'https://acme.signalwire.com'"


def space_origin(*, host: str | None, schema: str | None = None, port: int | None = None) -> str:
    """Return ``scheme://host[:port]`` of a Space.

    :param host: Space name, host name or URL; scheme and port may be part of it.
    :param schema: Scheme, when it stands in a field of its own.
    :param port: Port, when it stands in a field of its own; 0 means none, as Airflow's UI sends it.
    :raises SignalWireConfigurationError: if it is no host name, contradicts itself, or is plain http to
        another machine.
    """
    text = (host or "").strip()
    if not text:
        raise SignalWireConfigurationError(f"The connection's Host (Space) is empty: {_EXPECTED}.")
    url = _split(text)
    name = _host_name(url, text)
    scheme = _agreed("scheme", url.scheme.lower() or None, (schema or "").strip().lower() or None) or "https"
    if scheme not in _DEFAULT_PORTS:
        raise SignalWireConfigurationError(f"The connection's scheme is {scheme!r}: expected 'https'.")
    if scheme == "http" and not is_loopback(name):
        raise SignalWireConfigurationError(
            f"The connection asks for plain http to {name!r}, which would send the API token unencrypted: "
            "use https. Plain http is allowed to loopback hosts only, for the simulator."
        )
    agreed_port = _agreed("port", _port_of(url), port or None)
    if agreed_port is not None and not 1 <= int(agreed_port) <= 65535:
        raise SignalWireConfigurationError(f"The connection's Port is {agreed_port}: expected 1 to 65535.")
    shown = f"[{name}]" if ":" in name else name
    is_default = agreed_port is None or int(agreed_port) == _DEFAULT_PORTS[scheme]
    return f"{scheme}://{shown}" if is_default else f"{scheme}://{shown}:{agreed_port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult:
    """Take a Space apart; whatever is not a bare origin is refused without repeating what may be a secret."""
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
    except ValueError:
        raise SignalWireConfigurationError(f"The connection's Host (Space) is no host name: {_EXPECTED}.") from None
    if "@" in url.netloc:
        raise SignalWireConfigurationError(
            "The connection's Host (Space) contains a login: put the Project ID into Login and the API "
            "token into Password, and only the Space into Host."
        )
    if url.path not in ("", "/") or url.query or url.fragment:
        raise SignalWireConfigurationError(
            f"The connection's Host (Space) has something after the host name {url.hostname!r}: {_EXPECTED}."
        )
    return url


def _host_name(url: SplitResult, text: str) -> str:
    name = url.hostname or ""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise SignalWireConfigurationError(f"The connection's Host (Space) is {text!r}, no host name: {_EXPECTED}.")
    return name if "." in name or is_loopback(name) else f"{name}.signalwire.com"


def _port_of(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise SignalWireConfigurationError(
            f"The connection's Host (Space) {url.netloc!r} has a port that is no number from 1 to 65535."
        ) from None


def _agreed(name: str, in_host: str | int | None, in_field: str | int | None) -> str | int | None:
    """Return the one value that host and field give together; two different ones are a mistake."""
    if in_host is not None and in_field is not None and in_host != in_field:
        raise SignalWireConfigurationError(
            f"The connection contradicts itself: its Host says {name} {in_host!r}, its {name} field says "
            f"{in_field!r}. Leave one of them empty."
        )
    return in_host if in_host is not None else in_field
