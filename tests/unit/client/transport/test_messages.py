"""A request is sent as it is, and every response is read alike by both transports."""

from __future__ import annotations

import base64
import gzip
import logging
import socket
import sys
import threading

import pytest
from raw_server import GOOD_RESPONSE, reset, stay_silent
from transports import Async, Sync, settings_for

from airflow_provider_signalwire.client.protocol.http import MAX_BODY_BYTES


class TestRequest:
    def test_is_sent_once_with_its_headers_and_body(self, connect, serve):
        target = "/a%2Fb%252E~?StartTime%3C=x+y&PageToken=%3A%40'()!*%22%5B%7B%7C%7D%5D%5E%60%25"
        server = serve(GOOD_RESPONSE)
        response = connect(server.origin).send("POST", target, body=b"Status=stopped")
        assert (response.status, response.body) == (200, b"ok")
        [request] = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert (lines[0], body) == (f"POST {target} HTTP/1.1", b"Status=stopped")
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

    def test_libraries_follow_no_redirect_keep_no_cookie_and_read_no_environment(
        self, connect, serve, monkeypatch, tmp_path
    ):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login other password other\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing")
        headers = b"Location: //127.0.0.1:1/\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n"
        server = serve(b"HTTP/1.1 302 Found\r\n" + headers + b"\r\nok")
        client = connect(server.origin)
        assert [client.send().status for _ in range(2)] == [302, 302]
        first, second = server.requests
        assert base64.b64encode(b"project:token") in first
        assert b"ookie" not in second

    @pytest.mark.parametrize("through_proxy", [False, True])
    def test_target_is_not_logged_by_the_libraries(self, connect, serve, caplog, through_proxy):
        caplog.set_level(logging.DEBUG)
        server = serve(GOOD_RESPONSE)
        connect(server.origin, proxy=server.origin if through_proxy else None).send(target="/x?To=%2B15551234567")
        logging.getLogger("urllib3.connectionpool").debug("Of another %s", "library")
        assert caplog.messages[-1] == "Of another library"
        assert "5551234567" not in caplog.text


class TestResponse:
    @pytest.mark.parametrize(
        ("headers", "body"),
        [(b"Content-Encoding: gzip\r\n", gzip.compress(b"{}")), (b"", b"x" * MAX_BODY_BYTES)],
        ids=["compressed, left as it is", "16 MiB"],
    )
    def test_body_is_read_as_it_is(self, connect, serve, headers, body):
        wire = b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
        assert connect(serve(wire).origin).send().body == body

    def test_body_without_end_is_too_large(self, connect, serve):
        def flood(server, connection):
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"100000\r\n" + b"x" * 2**20 + b"\r\n")

        failure = connect(serve(flood).origin).fail()
        assert (failure.kind, failure.sent, failure.status) == ("too_large", True, 302)

    @pytest.mark.parametrize("end", ["close", "stall"])
    def test_head_is_kept_if_the_body_breaks_off(self, connect, serve, end):
        def break_off(server, connection):
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nx")
            if end == "stall":
                stay_silent(server, connection)

        failure = connect(serve(break_off).origin).fail(timeout=0.2 if end == "stall" else 10)
        assert (failure.kind, failure.sent) == ("timeout" if end == "stall" else "lost", True)
        assert (failure.status, failure.headers["retry-after"]) == (429, "7")

    @pytest.mark.parametrize(
        ("end", "reason"),
        [
            (socket.socket.close, "Connection closed before the response was complete"),
            (reset, "Connection reset by peer"),
        ],
    )
    @pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx"])
    def test_that_breaks_off_anywhere_has_the_reason_of_the_end(self, connect, serve, part, end, reason):
        def break_off(server, connection):
            server.read_request(connection)
            connection.sendall(part)
            end(connection)

        failure = connect(serve(break_off).origin).fail()
        assert (failure.kind, failure.sent, failure.reason) == ("lost", True, reason)

    def test_malformed_one_ends_the_request_at_once(self, connect, serve):
        failure = connect(serve(b"SSH-2.0-OpenSSH\r\n").origin).fail(timeout=30)
        assert (failure.kind, failure.sent) == ("malformed", True)
        assert failure.seconds < 20


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
