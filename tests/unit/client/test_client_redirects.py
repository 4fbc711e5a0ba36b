"""Wherever an answer points, the API token does not go there: another host listens, and hears nothing."""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import threading

import pytest
import requests
import trustme

from airflow_provider_signalwire.client.flows.stop import CallPager, just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireResponseError
from airflow_provider_signalwire.simulator.server import SimulatorServer

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 36\r\nConnection: close\r\n\r\n{"sid": "stream", "status": "queued"}'


class Listener(socketserver.ThreadingTCPServer):
    """A server on an address of its own that keeps every byte it is sent."""

    daemon_threads = True

    def __init__(self, handler=None):
        super().__init__(("127.0.0.2", 0), handler or AnsweringHandler)
        self.address = f"127.0.0.2:{self.server_address[1]}"
        self.received = []


class AnsweringHandler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.received.append(self.request.recv(65536))
        self.request.sendall(ANSWER)


class TunnelHandler(socketserver.BaseRequestHandler):
    """A proxy's way of serving https: it connects the client with the host it names, and sees only what passes."""

    def handle(self):
        asked = self.request.recv(65536)
        self.server.received.append(asked)
        host, _, port = asked.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            answers = threading.Thread(target=self._pass_on, args=(upstream, self.request))
            answers.start()
            self._pass_on(self.request, upstream)
            answers.join()

    def _pass_on(self, source, target):
        with contextlib.suppress(OSError):  # either side may hang up
            while data := source.recv(65536):
                self.server.received.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def listen():
    servers = []

    def start(handler=None):
        server = Listener(handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def elsewhere(listen):
    return listen()


@pytest.fixture(params=["direct", "through a proxy"])
def way(request, simulator):
    """The simulator serves as a proxy too, for it answers whatever host is asked for."""
    proxy = simulator.url.replace("//", "//user:proxy-password@")
    return {"proxy": proxy} if request.param == "through a proxy" else {}


def test_the_other_host_hears_what_it_is_sent(elsewhere):
    assert requests.get(f"http://{elsewhere.address}/", auth=("project", "token"), timeout=5).status_code == 200
    assert base64.b64encode(b"project:token") in elsewhere.received[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("build", [endpoints.stop_call_stream, lambda *ids: endpoints.get_call(*ids[:2])])
@pytest.mark.parametrize(
    "location", ["http://{elsewhere}/x", "https://{elsewhere}/x", "//{elsewhere}/x", "/api/laml/2010-04-01/Accounts/x"]
)
def test_a_redirect_is_not_followed(run, simulator, target, elsewhere, way, status, build, location):
    location = location.format(elsewhere=elsewhere.address)
    simulator.set_faults([{"kind": "redirect", "location": location, "status": status, "times": None}])

    with pytest.raises(SignalWireResponseError, match="redirect, which is never followed"):
        run(just(build(*target.ids)), **way)

    assert len(simulator.requests()) == 1
    assert elsewhere.received == []


@pytest.mark.parametrize(
    "uri", ["http://{elsewhere}/api/laml/x", "//{elsewhere}/api/laml/x", "/\\{elsewhere}/api/laml/x"]
)
def test_a_next_page_elsewhere_is_not_fetched(run, simulator, elsewhere, way, uri):
    uri = uri.format(elsewhere=elsewhere.address)
    simulator.set_faults([{"kind": "patch", "set": {"next_page_uri": uri}, "times": None}])

    with pytest.raises(SignalWireResponseError, match="names a next page"):
        run(CallPager(first=endpoints.list_calls(simulator.project)).next_page(), max_attempts=1, **way)

    assert len(simulator.requests()) == 1
    assert elsewhere.received == []


@pytest.fixture(scope="module")
def tls_simulator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with SimulatorServer(ssl_certfile=str(folder / "server.pem")) as server:
        yield server, str(folder / "authority.pem")


def test_a_proxy_hears_its_own_password_and_not_the_token(run, tls_simulator, elsewhere, listen):
    server, ca_bundle = tls_simulator
    server.reset()
    proxy = listen(TunnelHandler)
    way = {"origin": server.url, "ca_bundle": ca_bundle, "proxy": f"http://user:proxy-password@{proxy.address}"}

    assert run(just(endpoints.get_account(server.project)), **way)["sid"] == server.project
    server.set_faults([{"kind": "redirect", "location": f"http://{elsewhere.address}/", "times": None}])
    with pytest.raises(SignalWireResponseError, match="redirect, which is never followed"):
        run(just(endpoints.get_account(server.project)), **way)

    heard = b"".join(proxy.received)
    assert heard.count(base64.b64encode(b"user:proxy-password")) == 2
    assert server.token.encode() not in heard
    assert base64.b64encode(f"{server.project}:{server.token}".encode()) not in heard
    assert b"\nAuthorization:" not in heard
    assert elsewhere.received == []
    assert len(server.requests()) == 2


@pytest.mark.parametrize("when", ["middle", "after"])
def test_what_a_proxy_lost_the_answer_of_is_not_sent_again(run, tls_simulator, listen, clock, when):
    server, ca_bundle = tls_simulator
    server.reset()
    server.set_faults([{"kind": "reset", "when": when, "times": None}])
    proxy = f"http://{listen(TunnelHandler).address}"
    call = endpoints.create_call(server.project, to="+15550100001", from_="+15550100002", url="https://x.example")

    with pytest.raises(SignalWireConnectionError) as caught:
        run(just(call), origin=server.url, ca_bundle=ca_bundle, proxy=proxy, api_token=server.token)

    assert caught.value.request_was_sent
    assert len(server.requests()) == 1
