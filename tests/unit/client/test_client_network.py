"""When no answer comes, the error says what is wrong: the name, the network, or the trust."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading

import pytest
import trustme

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.stop import just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireConnectionError
from airflow_provider_signalwire.simulator.server import SimulatorServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of our own: its file, and a certificate for this machine that it signed."""
    folder = tmp_path_factory.mktemp("authority")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.issue_cert("other.example.com").private_key_and_cert_chain_pem.write_to_path(folder / "other.pem")
    return folder


@pytest.fixture(scope="module")
def tls_simulator(authority):
    with SimulatorServer(ssl_certfile=str(authority / "server.pem")) as server:
        yield server


@pytest.fixture
def read_account(run, tls_simulator):
    tls_simulator.reset()

    def read(server=tls_simulator, **changes):
        return run(just(endpoints.get_account(server.project)), origin=server.url, **changes)

    return read


class TestTls:
    def test_a_server_of_the_named_authority_is_trusted(self, read_account, authority, tls_simulator):
        assert read_account(ca_bundle=str(authority / "authority.pem"))["sid"] == tls_simulator.project

    def test_a_server_of_an_unknown_authority_is_not(self, read_account, tls_simulator, clock):
        with pytest.raises(SignalWireConnectionError) as caught:
            read_account()
        assert caught.value.kind == "tls"
        assert not caught.value.request_was_sent
        host = tls_simulator.url.partition("//")[2]
        assert f"no trusted TLS connection to '{host}' could be made (" in str(caught.value)
        assert "certificate" in str(caught.value)
        assert "name its authority in the extra ca_bundle" in str(caught.value)
        assert clock.waits == []
        assert tls_simulator.requests() == []

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_the_check_can_be_left_out(self, read_account, tls_simulator):
        assert read_account(verify=False)["sid"] == tls_simulator.project

    def test_a_certificate_for_another_host_is_refused(self, read_account, authority):
        with (
            SimulatorServer(ssl_certfile=str(authority / "other.pem")) as server,
            pytest.raises(SignalWireConnectionError, match=r"certificate is not valid for '127\.0\.0\.1'") as caught,
        ):
            read_account(server, ca_bundle=str(authority / "authority.pem"))
        assert caught.value.kind == "tls"

    def test_a_server_that_speaks_no_tls_is_told(self, run, simulator, clock):
        origin = simulator.url.replace("http:", "https:")
        with pytest.raises(SignalWireConnectionError, match=r"TLS|broke") as caught:
            run(just(endpoints.get_account(simulator.project)), origin=origin, max_attempts=2)
        assert caught.value.kind in ("tls", "lost")
        assert "write http:// before the host" in str(caught.value)
        assert simulator.requests() == []

    def test_a_server_that_hangs_up_is_not_distrusted(self, run):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def hang_up():
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.close()

            thread = threading.Thread(target=hang_up)
            thread.start()
            origin = f"https://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(SignalWireConnectionError) as caught:
                run(just(endpoints.get_account("p")), origin=origin, max_attempts=1)
            thread.join()
        assert caught.value.kind in ("lost", "connect")
        assert "certificate" not in str(caught.value)

    @pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n"])
    def test_a_file_that_holds_no_certificate_is_told(self, run, tmp_path, content):
        bundle = tmp_path / "authorities.pem"
        bundle.write_text(content)
        with pytest.raises(SignalWireConfigurationError, match=r"authorities\.pem' cannot be read .* 'ca_bundle'"):
            run(just(endpoints.get_account("project")), ca_bundle=str(bundle))

    @pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to name the files by their hashes")
    def test_a_directory_of_certificates_is_trusted(self, read_account, authority, tls_simulator, tmp_path):
        content = (authority / "authority.pem").read_bytes()
        digest = subprocess.run(
            ["openssl", "x509", "-hash", "-noout"], input=content, capture_output=True, check=True
        ).stdout.decode()
        (tmp_path / f"{digest.strip()}.0").write_bytes(content)
        assert read_account(ca_bundle=str(tmp_path))["sid"] == tls_simulator.project

    def test_a_file_that_changes_is_read_anew(self, read_account, authority, tls_simulator, tmp_path):
        bundle = tmp_path / "authorities.pem"
        trustme.CA().cert_pem.write_to_path(bundle)
        os.utime(bundle, (1, 1))
        with pytest.raises(SignalWireConnectionError):
            read_account(ca_bundle=str(bundle))
        bundle.write_bytes((authority / "authority.pem").read_bytes())
        assert read_account(ca_bundle=str(bundle))["sid"] == tls_simulator.project


class TestNames:
    """A lookup is the one thing here that no loopback server can answer."""

    @pytest.fixture
    def look_up(self, monkeypatch):
        """Let every lookup but that of an address fail."""
        real = socket.getaddrinfo

        def fail_with(errno):
            def getaddrinfo(host, *args, **kwargs):
                if host.endswith(".example.com"):
                    raise socket.gaierror(errno, os.strerror(1))
                return real(host, *args, **kwargs)

            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

        return fail_with

    @pytest.mark.parametrize(
        ("errno", "kind", "words"),
        [
            (
                socket.EAI_NONAME,
                "dns",
                r"there is no host 'acme\.example\.com'\. Check the connection's Space \(host\)\.",
            ),
            (socket.EAI_NODATA, "dns", r"there is no host 'acme\.example\.com'"),
            (
                socket.EAI_AGAIN,
                "dns-unavailable",
                r"host name 'acme\.example\.com' could not be looked up\. Check this machine's network and name server",
            ),
            (socket.EAI_FAIL, "dns-unavailable", "could not be looked up"),
        ],
    )
    def test_an_unknown_name_is_told_from_an_unanswered_question(self, run, look_up, clock, errno, kind, words):
        look_up(errno)
        with pytest.raises(SignalWireConnectionError, match=words) as caught:
            run(just(endpoints.get_account("p")), origin="https://acme.example.com:8443", max_attempts=2)
        assert caught.value.kind == kind
        assert not caught.value.request_was_sent
        assert len(clock.waits) == 1

    def test_with_a_proxy_it_is_the_proxys_name(self, run, look_up, clock):
        look_up(socket.EAI_NONAME)
        settings = {"origin": "https://acme.signalwire.com", "proxy": "http://user:secret@proxy.example.com:3128"}
        with pytest.raises(
            SignalWireConnectionError, match=r"no host 'proxy\.example\.com'\. Check the proxy"
        ) as caught:
            run(just(endpoints.get_account("p")), max_attempts=1, **settings)
        assert caught.value.kind == "dns"
        assert "secret" not in str(caught.value)


def test_a_server_that_never_takes_the_connection_is_a_refused_one(run, monkeypatch):
    """A full backlog leaves connections unanswered, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with pytest.raises(SignalWireConnectionError, match="could not connect to") as caught:
            run(
                just(endpoints.get_account("p")),
                origin=f"http://127.0.0.1:{address[1]}",
                connect_timeout=0.2,
                max_attempts=1,
            )
        for one in waiting:
            one.close()
    assert caught.value.kind == "connect"
    assert not caught.value.request_was_sent


def test_a_netrc_file_does_not_replace_the_login(run, simulator, target, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert run(just(endpoints.get_call(*target[:2])))["sid"] == target.call_sid


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="needs IPv6 on this machine's loopback interface")
def test_an_ipv6_space_is_reached(run):
    with SimulatorServer(host="::1") as server:
        settings = ClientSettings.from_connection_fields(host=server.url, login=server.project, password=server.token)
        assert run(just(endpoints.get_account(server.project)), origin=settings.origin)["sid"] == server.project
