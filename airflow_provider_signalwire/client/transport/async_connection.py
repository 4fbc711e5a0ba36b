"""The asynchronous transport's connections: they record what was sent and parse responses strictly."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from airflow_provider_signalwire.client.transport.attempt import current_attempt
from airflow_provider_signalwire.client.transport.response_parser import ResponseError, ResponseParser

_MAX_EARLY_BYTES = 65536
_LAST_CHUNK = b"0\r\n\r\n"


class Connector(aiohttp.TCPConnector):
    """A connector whose connections are read by our own parser."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # aiohttp has no public way to choose the protocol. The tests fail if this one no longer works.
        self._factory: Any = partial(_Protocol, loop=self._loop)


class _Protocol(ResponseHandler):
    """Parses responses with our own parser, and passes them on to aiohttp in a normalized form."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop=loop)
        self._response: ResponseParser | None = None
        self._early = b""

    def set_response_params(self, **params: Any) -> None:
        """Begin to read a response; aiohttp calls this before it sends the request."""
        super().set_response_params(**params)
        attempt = current_attempt.get()
        attempt.parser = self._response = ResponseParser()
        # aiohttp sends the request next, unless the connection is closed. Its trace signals say the same, but cost a
        # tenth of a request's time. A request for a tunnel has no timer.
        attempt.sent = "timer" in params and self.is_connected()
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the response."""
        parser = self._response
        if not data:  # aiohttp resumes its parser
            super().data_received(data)
        elif parser is None:
            self._early += data
            if len(self._early) > _MAX_EARLY_BYTES:
                self._abort()
        elif parser.complete:  # bytes that belong to no request
            self.force_close()  # if the response is still being read
            if self.transport is not None:
                self.transport.close()  # if the connection is idle
        elif parser.error is None:
            self._parse(parser, data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection; a clean one may be the end of the response."""
        parser = self._response
        if parser and not parser.complete and not parser.error:
            self._end_response(parser, exc)
        super().connection_lost(exc)

    def _end_response(self, parser: ResponseParser, exc: BaseException | None) -> None:
        if isinstance(exc, OSError) and exc.strerror:
            parser.error = ResponseError("lost", exc.strerror)  # of a body that breaks off, aiohttp does not keep it
        elif exc is None:
            with contextlib.suppress(ResponseError):  # the parser keeps it
                parser.feed_eof()
                self.force_close()
                super().data_received(_LAST_CHUNK)

    def _parse(self, parser: ResponseParser, data: bytes) -> None:
        is_first = parser.head is None
        try:
            body = parser.feed(data)
        except ResponseError:
            self._abort()
            return
        if parser.head is None:
            return
        if parser.complete and not parser.is_reusable:
            self.force_close()
        if is_first and parser.complete:
            super().data_received(
                b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%b" % (parser.head.status, len(body), body)
            )
            return
        head = b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n" % parser.head.status if is_first else b""
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        super().data_received(head + chunk + (_LAST_CHUNK if parser.complete else b""))

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
