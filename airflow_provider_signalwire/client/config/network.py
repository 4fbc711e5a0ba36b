"""Proxies and CA bundles, from the connection or, as ``requests`` finds them, from the environment."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from airflow_provider_signalwire.client.config.space import is_loopback
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


@dataclass(frozen=True, repr=False)
class Proxy:
    """A proxy and its login. Its repr shows neither.

    :param url: ``http://proxy.example.com:3128``, without the login.
    :param authorization: The header ``Proxy-Authorization``.
    :param password: The password, percent-encoded as it was written; a user name without one counts as such.
    """

    url: str
    authorization: str | None = None
    password: str | None = None


def parse_proxy(source: str, value: object) -> Proxy:
    """Read a proxy's URL.

    :param source: The setting that has it, for the message, which never quotes the URL: it may hold a password.
    :raises SignalWireConfigurationError: if it cannot be used.
    """
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        host, port = url.hostname or "", url.port
        is_proxy = url.scheme in ("http", "https") and _HOST.fullmatch(host) is not None and port != 0
        login = [unquote_to_bytes(part or "") for part in (url.username, url.password)]
    except ValueError:  # lone surrogates, too
        is_proxy = False
    if not is_proxy or any(character.isspace() for character in str(value)):
        raise SignalWireConfigurationError(
            f"{source} is not the URL of an HTTP proxy: expected one like 'http://proxy.example.com:3128'."
        )
    netloc = f"[{host}]" if ":" in host else host
    authorization = None
    if url.username or url.password:
        authorization = f"Basic {base64.b64encode(b':'.join(login)).decode()}"
    return Proxy(
        url=f"{url.scheme}://{netloc}" + (f":{port}" if port else ""),
        authorization=authorization,
        password=url.password or url.username or None,
    )


def environment_proxy(origin: str) -> Proxy | None:
    """Return the proxy that ``requests`` would use for an origin; none for a loopback host."""
    if is_loopback(urlsplit(origin).hostname or ""):
        return None
    from requests.utils import get_environ_proxies, select_proxy  # parsing a DAG file does not import requests

    url = select_proxy(origin, get_environ_proxies(origin))
    if not url:
        return None
    variables = [f"{scheme}_PROXY" for scheme in (urlsplit(origin).scheme.upper(), "ALL")]
    names = [name for variable in variables for name in (variable.lower(), variable) if os.environ.get(name) == url]
    source = f"The environment variable {names[0]}" if names else "The system's proxy setting"
    return parse_proxy(source, url if "://" in url else f"http://{url}")


def environment_ca_bundle(origin: str) -> str | None:
    """Return the CA bundle that ``requests`` would use for an origin; None means that of certifi."""
    if not origin.startswith("https:"):
        return None
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path and not os.path.exists(path):
            raise SignalWireConfigurationError(
                f"The environment variable {name} names a file that does not exist: expected the path of a PEM file or "
                "of a directory of PEM files. The connection's extra 'ca_bundle' overrides it."
            )
        if path:
            return path
    return None
