"""Strings and bytes that tracebacks with local variables do not show."""

from __future__ import annotations

from airflow_provider_signalwire.client.config.settings import ClientSettings


class Hidden(str):
    """A header that may be secret. The HTTP libraries hold it in local variables, where error reports find it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class HiddenBytes(bytes):
    """A body that may be secret."""

    def __repr__(self) -> str:
        return "b'***'"


def proxy_headers(settings: ClientSettings) -> dict[str, str]:
    """Return the headers that only the proxy is sent."""
    return {"Proxy-Authorization": Hidden(settings.proxy_authorization)} if settings.proxy_authorization else {}
