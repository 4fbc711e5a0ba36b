"""The settings of a client, validated before the first request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from airflow_provider_signalwire import __version__
from airflow_provider_signalwire.client.config.extras import read_extras
from airflow_provider_signalwire.client.config.network import Proxy, environment_ca_bundle, environment_proxy
from airflow_provider_signalwire.client.config.space import space_origin
from airflow_provider_signalwire.client.protocol.redaction import Secrets, clears_locals, redact
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.provider_info import EXTRAS


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Where a client sends requests, its credentials and timeouts. Its repr shows no secret.

    :param origin: ``https://acme.signalwire.com``, without a path.
    :param project_id: Project ID, the user name of HTTP Basic.
    :param api_token: API token, its password.
    :param timeout: Maximum seconds for one attempt.
    :param connect_timeout: Connect timeout in seconds.
    :param max_attempts: Maximum number of times a request is sent.
    :param max_retry_seconds: Maximum seconds for a request and its retries.
    :param verify: Whether to verify the server's certificate.
    :param ca_bundle: PEM file, or directory of them, with the certificates to trust. Default: those of certifi.
    :param proxy: Proxy URL without a login.
    :param proxy_authorization: The header ``Proxy-Authorization`` for it.
    :param proxy_password: The proxy's password, percent-encoded as it was written; it is only redacted, never sent.
    """

    origin: str
    project_id: str
    api_token: str = field(repr=False)
    timeout: float = EXTRAS["timeout"].default
    connect_timeout: float = EXTRAS["connect_timeout"].default
    max_attempts: int = EXTRAS["max_attempts"].default
    max_retry_seconds: float = EXTRAS["max_retry_seconds"].default
    verify: bool = EXTRAS["verify"].default
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_authorization: str | None = field(default=None, repr=False)
    proxy_password: str | None = field(default=None, repr=False)

    @classmethod
    @clears_locals
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
        """Read the fields of an Airflow connection; for what it does not set, the environment applies.

        :raises SignalWireConfigurationError: naming the field, the problem and what is expected, never a secret.
        """
        origin = space_origin(host=host, schema=schema, port=port)
        extras = read_extras(extra)
        verify, ca_bundle = extras.get("verify", True), extras.get("ca_bundle")
        if ca_bundle and not verify:
            raise SignalWireConfigurationError(
                "The connection's extras conflict: 'ca_bundle' names certificates to trust, and 'verify' is false. "
                "Remove one of them."
            )
        if verify and not ca_bundle:
            extras["ca_bundle"] = environment_ca_bundle(origin)
        proxy: Proxy | None = extras.pop("proxy", None) or environment_proxy(origin)
        if proxy:
            extras |= {
                "proxy": proxy.url,
                "proxy_authorization": proxy.authorization,
                "proxy_password": proxy.password,
            }
        return cls(origin=origin, project_id=_project_id(login), api_token=_token(password), **extras)

    @property
    def authorization(self) -> str:
        """The ``Authorization`` header."""
        return "Basic " + base64.b64encode(f"{self.project_id}:{self.api_token}".encode()).decode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request. Responses are requested uncompressed, so that their size is known."""
        return {
            "Authorization": self.authorization,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"airflow-provider-signalwire/{__version__}",
        }

    @cached_property
    @clears_locals
    def secrets(self) -> Secrets:
        """Every string that must not be shown, in each of its spellings."""
        basic = [self.authorization, self.proxy_authorization or ""]
        plain = [self.api_token, unquote(self.proxy_password or "")]
        encoded = [encode(secret, safe="") for secret in plain for encode in (quote, quote_plus)]
        return Secrets(
            secret
            for secret in (*plain, *encoded, self.proxy_password, *(header.removeprefix("Basic ") for header in basic))
            if secret
        )

    @clears_locals
    def redact(self, text: str) -> str:
        """Redact every secret in a string that came from elsewhere."""
        return redact(text, self.secrets)


def _project_id(login: str | None) -> str:
    project_id = (login or "").strip()
    if not project_id:
        raise SignalWireConfigurationError(
            "The connection's Project ID (login) is empty: expected the ID of your SignalWire project."
        )
    if ":" in project_id or not project_id.isprintable():
        # It is not quoted: it may be a token that was pasted into the wrong field.
        problem = "has a colon" if ":" in project_id else "has a control character"
        raise SignalWireConfigurationError(
            f"The connection's Project ID (login), of {len(project_id)} characters, {problem}: expected the ID of your "
            "SignalWire project."
        )
    return project_id


def _token(password: str | None) -> str:
    token = (password or "").strip()
    if not token:
        raise SignalWireConfigurationError(
            "The connection's API token (password) is empty: expected an API token with the scope Voice."
        )
    if not token.isprintable():
        raise SignalWireConfigurationError(
            "The connection's API token (password) has a control character: expected an API token."
        )
    return token
