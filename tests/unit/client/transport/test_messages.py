"""A request is sent as it is, and every response is read alike by both transports."""

from __future__ import annotations

import base64
import gzip
import sys
import threading

import pytest
from raw_server import GOOD_RESPONSE, reset, stay_silent
from transports import Async, Sync, settings_for

from airflow_provider_signalwire.client.protocol.http import MAX_BODY_BYTES
from airflow_provider_signalwire.client.transport.response_parser import ResponseError, ResponseParser

COMPRESSED = gzip.compress(b"{}")


class TestRequest:
    def test_is_sent_once_with_its_headers_and_body(self, connect, serve):
        server = serve(GOOD_RESPONSE)
        response = connect(server.origin).send(
            "POST", "/a%2Fb%252E~?StartTime%3C=x+y&PageToken=%3A%40'()!*", body=b"Status=stopped"
        )
        assert (response.status, response.body) == (200, b"ok")
        [request] = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert (lines[0], body) == (
            "POST /a%2Fb%252E~?StartTime%3C=x+y&PageToken=%3A%40'()!* HTTP/1.1",
            b"Status=stopped",
        )
        assert {line.lower() for line in lines[1:]} == {
            f"host: {server.address}",
            "accept: application/json",
            "accept-encoding: identity",
            "content-type: application/x-www-form-urlencoded",
            "content-length: 14",
            *(f"{name}: {value}".lower() for name, value in settings_for(server.origin).headers.items()),
        }

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_without_body_is_the_same_for_both(self, serve, method):
        server = serve(GOOD_RESPONSE)
        for transport in (Sync, Async):
            with transport(settings_for(server.origin)) as client:
                client.send(method)
        sync, other = (sorted(request.lower().split(b"\r\n")) for request in server.requests)
        assert sync == other

    def test_environment_changes_nothing(self, connect, serve, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login other password other\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing")
        server = serve(GOOD_RESPONSE)
        connect(server.origin).send()
        assert base64.b64encode(b"project:token") in server.requests[0]

    def test_cookies_are_not_kept(self, connect, serve):
        server = serve(GOOD_RESPONSE.replace(b"OK\r\n", b"OK\r\nSet-Cookie: a=b; Path=/\r\n"))
        client = connect(server.origin)
        client.send()
        client.send()
        assert b"ookie" not in server.requests[1]


class TestResponse:
    def test_redirect_is_a_response(self, connect, serve):
        server = serve(b"HTTP/1.1 302 Found\r\nLocation: //127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nok")
        assert connect(server.origin).send().status == 302
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("wire", "body"),
        [
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(COMPRESSED)
                + COMPRESSED,
                COMPRESSED,
            ),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD_RESPONSE, b"ok"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MAX_BODY_BYTES + b"x" * MAX_BODY_BYTES,
                b"x" * MAX_BODY_BYTES,
            ),
        ],
        ids=["compressed, left as it is", "informational responses", "none", "16 MiB"],
    )
    def test_body_is_read_as_it_is(self, connect, serve, wire, body):
        assert connect(serve(wire).origin).send().body == body

    def test_repeated_headers_are_joined(self, connect, serve):
        wire = b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nretry-after: 2\r\nX-Request-Id: \xe4\r\nContent-Length: 0\r\n\r\n"
        headers = connect(serve(wire).origin).send().headers
        assert (headers["retry-after"], headers["x-request-id"]) == ("1, 2", "ä")

    @pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"X: y", b"Content-Length: 16777217"])
    def test_body_without_end_is_too_large(self, connect, serve, framing):
        def flood(server, connection):
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 302 Found\r\n" + framing + b"\r\n\r\n")
            block = b"x" * 2**20
            while True:
                connection.sendall(b"100000\r\n" + block + b"\r\n" if b"chunked" in framing else block)

        failure = connect(serve(flood).origin).fail()
        assert (failure.kind, failure.sent, failure.status) == ("too_large", True, 302)

    @pytest.mark.parametrize("end", ["close", "reset", "stall"])
    def test_head_is_kept_if_the_body_breaks_off(self, connect, serve, end):
        def break_off(server, connection):
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nx")
            if end == "reset":
                reset(connection)
            elif end == "stall":
                stay_silent(server, connection)

        failure = connect(serve(break_off).origin).fail(timeout=0.2 if end == "stall" else 10)
        assert (failure.kind, failure.sent) == ("timeout" if end == "stall" else "lost", True)
        assert (failure.status, failure.headers["retry-after"]) == (429, "7")

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
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        ],
    )
    def test_malformed_one_is_refused(self, wire):
        with pytest.raises(ResponseError) as caught:
            ResponseParser().feed(wire)
        assert caught.value.kind == "malformed"

    def test_malformed_one_ends_the_request_at_once(self, connect, serve):
        failure = connect(serve(b"SSH-2.0-OpenSSH\r\n").origin).fail()
        assert (failure.kind, failure.sent) == ("malformed", True)


def test_frames_show_no_secret_while_the_response_is_awaited(serve):
    shown = []

    def look(server, connection):
        server.read_request(connection)
        while (frame := sys._current_frames()[threading.main_thread().ident]).f_code.co_name != "readinto":
            pass
        while frame.f_code is not Sync.run.__code__:
            shown.append(f"{frame.f_code.co_qualname} {frame.f_locals}")
            frame = frame.f_back
        connection.sendall(GOOD_RESPONSE)

    with Sync(settings_for(serve(look).origin)) as client:
        client.send("POST", body=b"AuthorizationBearerToken=bearer-secret")
    assert {"SyncTransport.send", "HTTPAdapter.send"} <= {frame.partition(" ")[0] for frame in shown}
    for secret in ("bearer-secret", base64.b64encode(b"project:token").decode()):
        assert not [frame for frame in shown if secret in frame]
