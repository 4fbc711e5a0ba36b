"""Where the proxy is, and how to authenticate to it."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.transport.hidden import Hidden


def proxy_and_headers(settings: ClientSettings) -> tuple[str | None, dict[str, str]]:
    """Return the proxy's URL without credentials, and the headers that only the proxy is sent."""
    if not settings.proxy:
        return None, {}
    url = urlsplit(settings.proxy)
    address = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    if url.username is None:
        return address, {}
    credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return address, {"Proxy-Authorization": Hidden("Basic " + base64.b64encode(credentials.encode()).decode())}
