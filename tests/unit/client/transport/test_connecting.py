"""When no connection can be made, through TLS or a proxy, nothing was sent and the failure says why."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading

import pytest
import trustme
from raw_server import GOOD_RESPONSE, copy, stay_silent
from transports import Sync, settings_for


class TestTls:
    def test_ca_bundle_is_a_file_or_a_directory(self, connect, serve, authority, server_context, tmp_path):
        server = serve(GOOD_RESPONSE, context=server_context)
        assert connect(server.origin, ca_bundle=str(authority / "ca.pem")).send().body == b"ok"
        os.symlink(authority / "ca.pem", tmp_path / f"{_subject_hash(authority / 'ca.pem')}.0")
        assert connect(server.origin, ca_bundle=str(tmp_path)).send().body == b"ok"

    def test_ca_bundle_replaces_the_certificates_that_requests_trusts(
        self, connect, serve, authority, server_context, tmp_path, monkeypatch
    ):
        server = serve(GOOD_RESPONSE, context=server_context)
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority / "ca.pem"))
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        client = connect(server.origin, ca_bundle=str(tmp_path / "other.pem"))
        assert [client.fail().kind for _ in range(2)] == ["tls", "tls"]

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_certificate_of_an_unknown_authority_is_refused_unless_verify_is_false(
        self, connect, serve, server_context
    ):
        server = serve(GOOD_RESPONSE, context=server_context)
        failure = connect(server.origin).fail()
        assert (failure.kind, failure.sent) == ("tls", False)
        assert "certificate" in failure.reason
        assert connect(server.origin, verify=False).send().body == b"ok"

    @pytest.mark.parametrize("end", ["hang", "close"])
    def test_handshake_that_fails_sends_nothing(self, connect, serve, end):
        def stop(server, connection):
            connection.recv(10)
            if end == "hang":
                stay_silent(server, connection)

        server = serve(stop)
        failure = connect(server.origin.replace("http:", "https:"), connect_timeout=0.3).fail()
        assert (failure.kind, failure.sent, failure.status) == ("connect", False, None)

    def test_server_without_tls_is_refused(self, connect, serve):
        server = serve(lambda server, connection: connection.recv(10) and connection.sendall(GOOD_RESPONSE * 9))
        failure = connect(server.origin.replace("http:", "https:")).fail()
        assert (failure.kind, failure.sent) == ("tls", False)

    def test_plain_bytes_after_the_handshake_come_after_the_request(self, connect, serve, authority, server_context):
        def speak_plainly(server, connection):
            server.read_request(connection)
            raw = socket.socket(fileno=connection.detach())
            raw.sendall(GOOD_RESPONSE * 9)
            stay_silent(server, raw)

        server = serve(speak_plainly, context=server_context)
        failure = connect(server.origin, ca_bundle=str(authority / "ca.pem")).fail()
        assert (failure.kind, failure.sent) == ("lost", True)


class TestProxy:
    @pytest.mark.parametrize(
        ("said", "then", "reason"),
        [
            (b"HTTP/1.1 407 Login Required\r\nContent-Length: 0\r\n\r\n", "end", "The proxy returned 407"),
            (b"not HTTP\r\n\r\n", "end", "Connection closed"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "end", "Connection closed"),
            (b"", "hang", "Timed out"),
        ],
    )
    def test_without_a_tunnel_no_request_is_sent(self, connect, serve, said, then, reason):
        def say(server, connection):
            server.read_request(connection)
            connection.sendall(said)
            if then == "end":
                connection.shutdown(socket.SHUT_WR)
            stay_silent(server, connection)  # closed with unread bytes, the connection would be reset

        proxy = serve(say)
        timeout = 0.3 if then == "hang" else 5
        failure = connect("https://acme.invalid", proxy=proxy.origin, connect_timeout=timeout).fail("POST", body=b"x")
        assert (failure.kind, failure.sent, failure.status, failure.reason) == ("connect", False, None, reason)
        [request] = proxy.requests
        assert request.startswith(b"CONNECT acme.invalid:443 HTTP/1.")
        assert b"\r\nHost: acme.invalid" in request
        assert b"Authorization" not in request

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_proxy_gets_its_own_password_only(self, connect, serve, authority, server_context, scheme):
        server = serve(GOOD_RESPONSE, context=server_context)
        seen = []

        def tunnel(proxy, connection):
            seen.append(proxy.read_request(connection))
            host, _, port = seen[0].split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(upstream, connection))
                back.start()
                copy(connection, upstream)
                back.join()

        proxy = serve(tunnel, context=server_context if scheme == "https" else None)
        credentials = base64.b64encode("user:päss".encode())
        client = connect(
            server.origin,
            proxy=proxy.origin,
            proxy_authorization=f"Basic {credentials.decode()}",
            ca_bundle=str(authority / "ca.pem"),
        )
        assert [client.send("POST", body=b"a=b").body for _ in range(2)] == [b"ok", b"ok"]
        assert b"Proxy-Authorization: Basic " + credentials in seen[0]
        assert b"\nAuthorization" not in seen[0]
        assert len(server.requests) == 2
        assert all(b"Proxy-Auth" not in request for request in server.requests)

    def test_plain_requests_have_absolute_targets(self, connect, serve):
        proxy = serve(GOOD_RESPONSE)
        client = connect("http://acme.invalid", proxy=proxy.origin, proxy_authorization="Basic dXNlcjpwQHNz")
        assert client.send(target="/a?b=c").body == b"ok"
        [request] = proxy.requests
        assert request.startswith(b"GET http://acme.invalid/a?b=c HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic " + b"dXNlcjpwQHNz" in request


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
def test_refused_connection_is_reported_as_such(connect, monkeypatch, hosts):
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 1)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
    failure = connect("http://acme.invalid:1").fail()
    assert (failure.kind, failure.sent, failure.reason) == ("connect", False, "Connection refused")


def test_socket_of_a_refused_connection_is_closed(monkeypatch):
    closed = []
    close = socket.socket.close
    monkeypatch.setattr(socket.socket, "close", lambda sock: closed.append(sock.fileno()) or close(sock))
    with Sync(settings_for("http://127.0.0.1:1")) as client:
        client.fail()
    assert len(closed) == 1


class TestNames:
    @pytest.mark.parametrize(("errno", "kind"), [(socket.EAI_NONAME, "dns"), (socket.EAI_AGAIN, "dns_unavailable")])
    def test_unknown_name_and_failed_lookup_differ(self, connect, monkeypatch, errno, kind):
        def getaddrinfo(*args, **kwargs):
            raise socket.gaierror(errno, "no such name")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        failure = connect("https://acme.example.com").fail()
        assert (failure.kind, failure.sent, failure.reason) == (kind, False, "no such name")

    def test_impossible_name_is_reported_as_a_failure(self, connect):
        assert not connect("https://a..b").fail(timeout=3).sent


def _subject_hash(path):
    return subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()
