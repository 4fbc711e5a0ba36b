"""Everything a client needs to know, checked before the first request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from airflow_provider_signalwire import __version__
from airflow_provider_signalwire.client.config.extras import proxy_address, read_extras
from airflow_provider_signalwire.client.config.space import is_loopback, space_origin
from airflow_provider_signalwire.client.protocol.redaction import redact
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Where a client calls, as whom, and how patiently. Its repr shows no secret.

    :param origin: ``https://acme.signalwire.com``, without a path.
    :param project_id: Project ID, the user name of HTTP Basic.
    :param api_token: API token, its password.
    :param timeout: Seconds that one attempt may take in all.
    :param connect_timeout: Seconds within which the connection must stand.
    :param max_attempts: How often a request is sent at the most.
    :param max_retry_seconds: Seconds after the first attempt during which it is tried again.
    :param verify: Whether the server's certificate is checked.
    :param ca_bundle: PEM file of the authorities to trust, instead of the usual ones.
    :param proxy: Proxy URL; without it, the environment's ``HTTPS_PROXY`` and ``NO_PROXY`` are heeded.
    """

    origin: str
    project_id: str
    api_token: str = field(repr=False)
    timeout: float = 30.0
    connect_timeout: float = 5.0
    max_attempts: int = 5
    max_retry_seconds: float = 60.0
    verify: bool = True
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.verify and self.ca_bundle:
            raise SignalWireConfigurationError(
                "The connection's extras contradict themselves: 'ca_bundle' names authorities to trust, and "
                "'verify' is false. Remove one of them."
            )

    @classmethod
    def from_connection_fields(
        cls,
        *,
        host: str | None,
        login: str | None,
        password: str | None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | Mapping[str, Any] | None = None,
    ) -> ClientSettings:
        """Read the fields of an Airflow connection.

        :raises SignalWireConfigurationError: naming the field, what it got (never a secret) and what it should be.
        """
        origin = space_origin(host=host, schema=schema, port=port)
        project_id = _login(login)
        extras = read_extras(extra)
        extras.setdefault("proxy", _environment_proxy(origin))
        return cls(origin=origin, project_id=project_id, api_token=_token(password), **extras)

    @property
    def authorization(self) -> str:
        """The ``Authorization`` header."""
        return f"Basic {_base64(f'{self.project_id}:{self.api_token}')}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request; answers are asked for uncompressed, so that their size is known."""
        return {
            "Authorization": self.authorization,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"airflow-provider-signalwire/{__version__}",
        }

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear in a log, in each form it may be written in."""
        proxy = urlsplit(self.proxy or "")
        proxy_user, proxy_password = unquote(proxy.username or ""), unquote(proxy.password or "")
        plain = [secret for secret in (self.api_token, proxy_password) if secret]
        encoded = [quote(secret, safe="") for secret in plain]
        if proxy.password:
            encoded += [proxy.password, _base64(f"{proxy_user}:{proxy_password}")]
        return tuple(dict.fromkeys([*plain, *encoded, self.authorization.removeprefix("Basic ")]))

    def redact(self, text: str) -> str:
        """Blank out every secret in a text that came from elsewhere."""
        return redact(text, self.secrets)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _login(login: str | None) -> str:
    project_id = (login or "").strip()
    if not project_id:
        raise SignalWireConfigurationError("The connection's Login (Project ID) is empty: expected your Project ID.")
    if ":" in project_id or not project_id.isprintable():
        raise SignalWireConfigurationError(
            f"The connection's Login (Project ID) is {project_id!r}: expected a Project ID, which has no colon "
            "and no control character."
        )
    return project_id


def _token(password: str | None) -> str:
    token = (password or "").strip()
    if not token:
        raise SignalWireConfigurationError("The connection's Password (API token) is empty: expected an API token.")
    if not token.isprintable():
        raise SignalWireConfigurationError("The connection's Password (API token) contains a control character.")
    return token


def _environment_proxy(origin: str) -> str | None:
    """Look up the environment's proxy once; both transports then do the same."""
    url = urlsplit(origin)
    if is_loopback(url.hostname or ""):
        return None
    proxy = getproxies().get(url.scheme)
    if not proxy or proxy_bypass(url.netloc):
        return None
    whose = f"The environment's {url.scheme.upper()}_PROXY"
    return proxy_address(whose, proxy if "://" in proxy else f"http://{proxy}")
