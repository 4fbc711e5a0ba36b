"""Which bytes are a response, without a connection; ``tests/property/test_transports_agree.py`` sends any to both."""

from __future__ import annotations

import pytest
from raw_server import GOOD_RESPONSE

from airflow_provider_signalwire.client.protocol.http import MAX_BODY_BYTES
from airflow_provider_signalwire.client.transport.response_parser import ResponseError, ResponseParser


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD_RESPONSE, 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, b""),
    ],
)
def test_head_and_body_are_read(wire, status, body):
    parser = ResponseParser()
    assert parser.feed(wire) == body
    assert (parser.complete, parser.head.status) == (True, status)


def test_repeated_headers_are_joined():
    parser = ResponseParser()
    parser.feed(
        b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nretry-after: 2\r\nX-Request-Id: \xe4\r\nContent-Length: 0\r\n\r\n"
    )
    assert (parser.head.headers["retry-after"], parser.head.headers["x-request-id"]) == ("1, 2", "ä")


@pytest.mark.parametrize(
    "wire",
    [
        GOOD_RESPONSE + GOOD_RESPONSE,
        GOOD_RESPONSE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"),
        GOOD_RESPONSE.replace(b"1.1", b"1.0"),
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
    ],
    ids=["second response", "close", "HTTP/1.0", "204 with body"],
)
def test_connection_cannot_be_reused_after(wire):
    parser = ResponseParser()
    parser.feed(wire)
    assert parser.complete
    assert not parser.is_reusable


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n" + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 8000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    ],
)
def test_malformed_response_is_refused(wire):
    with pytest.raises(ResponseError) as caught:
        ResponseParser().feed(wire)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("framing", [b"Content-Length: 16777217", b"X: y"])
def test_body_above_the_limit_is_refused(framing):
    parser = ResponseParser()
    with pytest.raises(ResponseError) as caught:
        parser.feed(b"HTTP/1.1 302 Found\r\n" + framing + b"\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 1))
    assert (caught.value.kind, parser.head.status) == ("too_large", 302)
