"""Connections are reused only when nothing can go wrong, bounded in time, and never shared."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import ssl
import threading
import time

import pytest
from raw_server import GOOD_RESPONSE, stay_silent
from transports import Async, Sync, settings_for

from airflow_provider_signalwire.client.protocol.http import HttpRequest


def once(then):
    """Serve one request of a connection well, and do something else then."""

    def serve(server, connection):
        server.read_request(connection)
        connection.sendall(GOOD_RESPONSE)
        then(server, connection)

    return serve


def drip(data):
    def serve(server, connection):
        server.read_request(connection)
        drip_bytes(connection, data)

    return serve


def drip_bytes(connection, data):
    """Send data and then 200 further bytes, one at a time."""
    for byte in itertools.chain(data, itertools.repeat(ord("x"), 200)):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def check_failure(client, kind, *args, within, **options):
    """Send a request that must fail like this within some seconds."""
    started = time.monotonic()
    failure = client.fail(*args, **options)
    assert (failure.kind, failure.sent) == (kind, kind == "timeout")
    assert (0.8 * options["timeout"] if kind == "timeout" else 0) < time.monotonic() - started < within


class BufferedTls:
    """The server's side of TLS; several records leave together."""

    def __init__(self, connection, context):
        self.connection = connection
        self.received, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.received, self.to_send, server_side=True)
        self.call(self.session.do_handshake)

    def call(self, step):
        """Take a step that may need bytes of the client."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                self.received.write(self.connection.recv(65536))
            finally:
                self.flush()

    def flush(self):
        self.connection.sendall(self.to_send.read())


@pytest.fixture
def silent_address():
    """An address, as getaddrinfo returns it, to which no connection is made or refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield (socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())


class TestConnection:
    def test_is_reused(self, connect, serve):
        server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        client = connect(server.origin)
        assert [client.send(method).body for method in ("GET", "POST", "GET")] == [b"ok"] * 3
        assert server.connections == 1

    def test_is_not_reused_after_a_response_that_forbids_it(self, connect, serve):
        server = serve(GOOD_RESPONSE + b"x")
        client = connect(server.origin)
        assert client.send().body == client.send().body == b"ok"
        assert server.connections == 2

    def test_is_not_reused_after_bytes_that_arrive_while_it_is_idle(self, connect, serve):
        is_idle, sent = threading.Event(), threading.Event()

        def send_more(server, connection):
            assert is_idle.wait(5)
            connection.sendall(b"x")
            sent.set()
            while server.read_request(connection):
                connection.sendall(GOOD_RESPONSE)

        server = serve(once(send_more))
        client = connect(server.origin)
        client.send()
        is_idle.set()
        assert sent.wait(5)
        client.settle()
        assert client.send().body == b"ok"
        assert server.connections == 2

    @pytest.mark.parametrize("more", [GOOD_RESPONSE.replace(b"ok", b"no"), None], ids=["response", "end"])
    @pytest.mark.parametrize("layers", ["tls", "tls in tls"])
    def test_is_not_reused_after_a_further_tls_record(self, connect, serve, authority, server_context, layers, more):
        def serve_tls(server, connection):
            if layers == "tls in tls":
                server.read_request(connection)
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            tls = BufferedTls(connection, server_context)
            while b"\r\n\r\n" not in tls.call(tls.session.read):
                pass
            tls.session.write(GOOD_RESPONSE)
            if more:
                tls.session.write(more)
            else:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.session.unwrap()
            tls.flush()
            stay_silent(server, connection)

        server = serve(serve_tls, context=server_context if layers == "tls in tls" else None)
        proxy = server.origin if layers == "tls in tls" else None
        client = connect(f"https://{server.address}", proxy=proxy, ca_bundle=str(authority / "ca.pem"))
        assert [client.send().body for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 2

    def test_is_not_reused_after_a_failure(self, connect, serve):
        has_failed = threading.Event()

        def respond_after_the_failure(server, connection):
            while server.read_request(connection):
                if has_failed.is_set():
                    connection.sendall(GOOD_RESPONSE)

        server = serve(respond_after_the_failure)
        client = connect(server.origin)
        assert client.fail(timeout=0.3).kind == "timeout"
        has_failed.set()
        assert client.send().body == b"ok"
        assert server.connections == 2

    def test_that_the_server_closed_while_idle_is_replaced(self, connect, serve):
        closed = threading.Event()
        server = serve(once(lambda server, connection: connection.close() or closed.set()))
        client = connect(server.origin)
        client.send()
        assert closed.wait(5)
        client.settle()
        assert client.send("POST").body == b"ok"
        assert server.connections == 2

    def test_that_breaks_on_reuse_is_not_tried_again(self, connect, serve):
        server = serve(once(lambda server, connection: server.read_request(connection)))
        client = connect(server.origin)
        client.send()
        failure = client.fail()
        assert (failure.kind, failure.sent, failure.status) == ("lost", True, None)
        assert len(server.requests) == 2


class TestTimeout:
    @pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
    def test_bounds_a_response_that_drips(self, connect, serve, data):
        client = connect(serve(drip(data)).origin)
        check_failure(client, "timeout", timeout=0.3, within=5)

    @pytest.mark.parametrize("uses_tls", [False, True])
    def test_bounds_a_request_that_is_not_read(self, connect, serve, authority, server_context, uses_tls):
        ended = threading.Event()
        server = serve(once(lambda *args: ended.wait(20)), context=server_context if uses_tls else None)
        client = connect(server.origin, ca_bundle=str(authority / "ca.pem"))
        client.send()  # it is connected
        check_failure(client, "timeout", "POST", body=bytes(20_000_000), timeout=0.5, within=5)
        ended.set()

    def test_bounds_a_proxy_that_drips(self, connect, serve):
        proxy = serve(drip(b"HTTP/1.1 200 OK\r\nX: "))
        check_failure(connect("https://acme.invalid", proxy=proxy.origin, connect_timeout=0.3), "connect", within=5)

    @pytest.mark.parametrize("proxy_scheme", ["http", "https"])
    def test_bounds_a_slow_tunnel_and_a_tls_handshake_together(self, connect, serve, server_context, proxy_scheme):
        def respond_late(server, connection):
            server.read_request(connection)
            time.sleep(1.1)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            stay_silent(server, connection)

        proxy = serve(respond_late, context=server_context if proxy_scheme == "https" else None)
        client = connect("https://acme.invalid", proxy=proxy.origin, connect_timeout=1.2, verify=False)
        check_failure(client, "connect", within=2.2)

    @pytest.mark.parametrize("proxy_scheme", [None, "https"])
    def test_bounds_a_tls_handshake_that_drips(self, connect, serve, authority, server_context, proxy_scheme):
        def drip_a_record(server, connection):
            if proxy_scheme:
                server.read_request(connection)
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            connection.recv(65536)
            drip_bytes(connection, b"\x16\x03\x03\x40\x00")  # the header of a record of 16 KiB

        server = serve(drip_a_record, context=server_context if proxy_scheme == "https" else None)
        proxy = f"{proxy_scheme}://{server.address}" if proxy_scheme else None
        origin = "https://acme.invalid" if proxy else f"https://{server.address}"
        client = connect(origin, proxy=proxy, connect_timeout=0.3, ca_bundle=str(authority / "ca.pem"))
        check_failure(client, "connect", within=5)

    def test_of_connecting_covers_all_addresses(self, connect, silent_address, monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [silent_address] * 20)
        check_failure(connect("http://acme.example.com", connect_timeout=0.3), "connect", within=5)

    @pytest.mark.parametrize("first", ["silent", "closed"])
    def test_of_connecting_leaves_time_for_the_next_address(self, connect, serve, silent_address, monkeypatch, first):
        host, _, port = serve(GOOD_RESPONSE).address.partition(":")
        good, closed = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, int(port))) for one in (host, "127.0.0.9")]
        addresses = [silent_address if first == "silent" else closed, good]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
        assert connect("http://acme.example.com", connect_timeout=2).send().status == 200

    def test_of_connecting_skips_an_address_of_a_family_that_this_machine_lacks(self, serve, monkeypatch):
        host, _, port = serve(GOOD_RESPONSE).address.partition(":")
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(port)))
        lacking = (socket.AF_APPLETALK, socket.SOCK_STREAM, 6, "", (host, int(port)))
        with Sync(settings_for("http://acme.example.com")) as client:
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [lacking])
            check_failure(client, "connect", within=5, timeout=5)
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [lacking, good])
            assert client.send().status == 200

    def test_covers_the_lookup(self, connect, monkeypatch):
        release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: release.wait(20) and [])
        check_failure(connect("http://acme.example.com", connect_timeout=5), "connect", timeout=0.3, within=5)
        release.set()


class TestOwnership:
    def test_interrupted_request_gives_up_its_connection(self, serve):
        class Interrupted(BaseException):
            pass

        def interrupt(*args):
            raise Interrupted

        def late_once(server, connection):
            while server.read_request(connection):
                if len(server.requests) == 1:
                    os.kill(os.getpid(), signal.SIGALRM)
                connection.sendall(GOOD_RESPONSE)

        def send_forever(client):
            while True:
                client.send()

        previous = signal.signal(signal.SIGALRM, interrupt)
        try:
            server = serve(late_once)
            with Sync(settings_for(server.origin)) as client:
                with pytest.raises(Interrupted):
                    send_forever(client)
                assert client.send().body == b"ok"
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert server.connections == 2

    def test_threads_share_no_connection(self, serve):
        server = serve(GOOD_RESPONSE)
        with Sync(settings_for(server.origin)) as client:
            client.send()
            thread = threading.Thread(target=client.send)
            thread.start()
            thread.join()
            client.send()
        assert (server.connections, len(server.requests)) == (2, 3)

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_forked_processes_share_no_connection(self, serve):
        server = serve(GOOD_RESPONSE)
        with Sync(settings_for(server.origin)) as client:
            client.send()
            if (child := os.fork()) == 0:
                os._exit(client.send().body != b"ok")
            assert os.waitpid(child, 0)[1] == 0
            client.send()
        assert (server.connections, len(server.requests)) == (2, 3)

    def test_event_loops_share_no_transport(self, serve):
        with Async(settings_for(serve(GOOD_RESPONSE).origin)) as client:
            client.send()
            request = HttpRequest(method="GET", target="/", body=None, timeout=5)
            with pytest.raises(RuntimeError, match="not open on this event loop"):
                asyncio.run(client.async_transport.send(request))

    def test_waiting_for_a_connection_is_not_part_of_the_timeout(self, serve):
        def slowly(server, connection):
            while server.read_request(connection):
                time.sleep(0.6)
                connection.sendall(GOOD_RESPONSE)

        server = serve(slowly)
        with Async(settings_for(server.origin), max_connections=1) as client:
            request = HttpRequest(method="GET", target="/", body=None, timeout=1.5)

            async def send_all():
                return await asyncio.gather(*(client.async_transport.send(request) for _ in range(3)))

            assert [response.status for response in client.loop.run_until_complete(send_all())] == [200] * 3
        assert server.connections == 1
