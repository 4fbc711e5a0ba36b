"""The transport for tasks: the adapter of ``requests``, without its sessions."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol.http import HttpRequest, HttpResponse, HttpResult
from airflow_provider_signalwire.client.transport.attempt import Attempt, current_attempt
from airflow_provider_signalwire.client.transport.hidden import Hidden, HiddenBytes, proxy_headers
from airflow_provider_signalwire.client.transport.sync_connection import Adapter
from airflow_provider_signalwire.client.transport.tls import ssl_context


class SyncTransport:
    """Sends requests and reports facts. Threads and forked processes never share a connection.

    :param settings: Host, credentials and timeouts.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._context = ssl_context(settings)
        self._headers = {name: Hidden(value) for name, value in settings.headers.items()}
        self._proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else None
        self._proxy_headers = proxy_headers(settings)
        self._forget_adapters()

    def send(self, request: HttpRequest) -> HttpResult:
        """Send a request once."""
        attempt = Attempt(timeout=request.timeout, connect_timeout=self._settings.connect_timeout)
        token = current_attempt.set(attempt)
        try:
            return self._send(request, attempt)
        except Exception as error:
            return attempt.failure(error)
        finally:
            current_attempt.reset(token)

    def close(self) -> None:
        """Close the pooled connections of all threads."""
        if self._pid == os.getpid():
            for adapter in list(self._adapters):
                adapter.close()
        self._forget_adapters()

    def _send(self, request: HttpRequest, attempt: Attempt) -> HttpResponse:
        response = self._adapter().send(self._prepare(request), stream=True, proxies=self._proxies)
        try:
            return attempt.response(response.raw.read(decode_content=False))
        finally:
            response.close()

    def _prepare(self, request: HttpRequest) -> PreparedRequest:
        """Prepare a request. requests' own preparation would parse and encode it again."""
        prepared = PreparedRequest()
        prepared.method = request.method
        prepared.url = self._settings.origin + request.target
        prepared.headers = CaseInsensitiveDict(self._headers)
        if request.body is not None:
            prepared.body = HiddenBytes(request.body)
            prepared.headers["Content-Type"] = request.content_type
            prepared.headers["Content-Length"] = str(len(request.body))
        elif request.method != "GET":  # as aiohttp does
            prepared.headers["Content-Length"] = "0"
        return prepared

    def _adapter(self) -> Adapter:
        if self._pid != os.getpid():
            self._forget_adapters()
        adapter: Adapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = Adapter(self._context, self._proxy_headers)
            self._adapters.add(adapter)
        return adapter

    def _forget_adapters(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._adapters: WeakSet[Adapter] = WeakSet()
