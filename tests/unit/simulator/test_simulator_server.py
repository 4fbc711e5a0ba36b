"""Starting and ending the simulator, inside a test and as a command."""

from __future__ import annotations

import errno
import json
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request

import pytest
import trustme

from airflow_provider_signalwire.simulator import SimulatorServer
from airflow_provider_signalwire.simulator import __main__ as command

ACCOUNT = ["--project", "p", "--token", "t"]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_server_listens_inside_its_context_only():
    with SimulatorServer(project="p", token="t") as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert (server.project, server.token) == ("p", "t")
        socket.create_connection(("127.0.0.1", server.port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_server_uses_the_given_port_and_refuses_one_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            SimulatorServer(port=port).start()
        with pytest.raises(SystemExit):
            command.main([*ACCOUNT, "--port", str(port)])
    assert f"port {port} is already in use: pass another with --port" in capsys.readouterr().err
    with SimulatorServer(port=port) as server:
        assert server.port == port


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])
def test_only_loopback_hosts_are_accepted(host):
    with pytest.raises(ValueError, match="loopback"):
        SimulatorServer(host=host)


def test_url_has_brackets_around_an_ipv6_address(api):
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with SimulatorServer(host="::1") as api.server:
        assert api.server.url == f"http://[::1]:{api.server.port}"
        assert api.get("").status_code == 200


def test_https_is_served_and_its_connections_can_be_reset(api, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    api.verify = str(tmp_path / "ca.pem")
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    with SimulatorServer(ssl_certfile=str(pem), ssl_keyfile=str(pem)) as server:
        api.server = server
        assert server.url.startswith("https://")
        assert api.get("").json()["sid"] == server.project

        server.set_faults([{"kind": "reset"}])
        context = ssl.create_default_context(cafile=api.verify)
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
        ):
            wrapped.sendall(GET)
            # Python's TLS shows a reset as an end: look at the bare connection, below it.
            bare = select.poll()
            bare.register(wrapped.fileno(), 0)
            [(_, events)] = bare.poll(10_000)
            error = wrapped.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert events & select.POLLERR
        assert error == errno.ECONNRESET


def test_missing_certificate_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        SimulatorServer(ssl_certfile=str(tmp_path / "none.pem")).start()


@pytest.mark.parametrize(
    ("settings", "faults", "request_", "received"),
    [
        ({"latency_ms": 3_600_000}, [], GET, b""),
        ({}, [{"kind": "hang"}], GET, b""),
        ({}, [{"kind": "slow", "seconds": 3600}], GET, b"HTTP/1.1 401"),
        ({}, [{"kind": "reset", "when": "middle"}], GET, b"HTTP/1.1 401"),
        ({}, [], GET, b"HTTP/1.1 401"),  # then the connection is idle
        ({}, [], b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 100"),
    ],
    ids=["pending response", "hang", "slow", "reset", "idle connection", "half a request"],
)
def test_open_connection_does_not_delay_the_end(eventually, settings, faults, request_, received):
    with SimulatorServer(**settings) as server:
        server.set_faults(faults)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(request_)
            if received:
                assert connection.recv(100).startswith(received)
            else:
                eventually(server.requests)
            ending = threading.Thread(target=server.stop)
            ending.start()
            ending.join(1.5)
            assert not ending.is_alive()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_command_prints_its_url_and_ends_on_signal(ending):
    arguments = [*ACCOUNT, "--port", "0", "--subproject", "s", "--rate-limit", "9/1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_signalwire.simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("SignalWire simulator listening on http://127.0.0.1:"), process.stderr.read()
        url = line.split()[-1]
        with urllib.request.urlopen(f"{url}/_simulator/state", timeout=10) as response:
            settings = json.load(response)["settings"]
        assert (settings["project"], settings["subprojects"], settings["rate_limit"]) == ("p", ["s"], "9/1")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            process.send_signal(ending)
            output, errors = process.communicate(timeout=5)
        assert (process.returncode, output, errors) == (0, "", "")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--project", "p"], "--token"),
        (["--token", "t"], "--project"),
        (["--project", "p", "--token", ""], "token: String should have at least 1 character"),
        ([*ACCOUNT, "--port", "70000"], "port must be 0-65535"),
        ([*ACCOUNT, "--port", "x"], "invalid int value"),
        ([*ACCOUNT, "--host", "0.0.0.0"], "loopback"),
        ([*ACCOUNT, "--rate-limit", "fast"], "13800/10"),
        ([*ACCOUNT, "--latency-ms", "-5"], "latency_ms"),
        ([*ACCOUNT, "--scopes", "Fax"], "invalid choice"),
    ],
)
def test_invalid_command_line_is_refused(capsys, arguments, problem):
    with pytest.raises(SystemExit) as ending:
        command.main(arguments)
    assert ending.value.code == 2
    assert problem in capsys.readouterr().err
