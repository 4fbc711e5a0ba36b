"""A proxy is used when the connection or the environment names one, and never on the way to this machine."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def proxy_to(host, extra=None, schema=None):
    settings = ClientSettings.from_connection_fields(
        host=host, login="project", password="token", extra=extra, schema=schema
    )
    return settings.proxy


def test_no_proxy_by_default():
    assert proxy_to("acme") is None


def test_proxy_of_the_environment_is_used(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy.example.com:3128")
    assert proxy_to("acme") == "http://proxy.example.com:3128"


def test_proxy_of_the_connection_takes_precedence(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    extra = {"proxy": "http://connection.example.com:3128"}
    assert proxy_to("acme", extra) == proxy_to("localhost", extra) == "http://connection.example.com:3128"


@pytest.mark.parametrize("value", [None, ""])
def test_empty_proxy_means_that_of_the_environment(monkeypatch, value):
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example.com:3128")
    assert proxy_to("acme", {"proxy": value}) == "http://environment.example.com:3128"


@pytest.mark.parametrize("no_proxy", ["*", "signalwire.com", "x.example.com, acme.signalwire.com"])
def test_no_proxy_is_obeyed(monkeypatch, no_proxy):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_to("acme") is None
    assert proxy_to("acme:8443") is None


@pytest.mark.parametrize(("port", "proxied"), [(8443, False), (9443, True)])
def test_no_proxy_may_name_a_port(monkeypatch, port, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "acme.signalwire.com:8443")
    assert (proxy_to(f"acme:{port}") is not None) is proxied


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("schema", ["http", "https"])
def test_loopback_hosts_need_no_proxy(monkeypatch, host, schema):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    assert proxy_to(host, schema=schema) is None


def test_proxy_of_the_environment_may_lack_a_scheme(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.com:3128")
    assert proxy_to("acme") == "http://proxy.example.com:3128"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_invalid_environment_proxy_is_named_and_not_quoted(monkeypatch, variable):
    monkeypatch.setenv(variable, "socks5://user:secret@proxy.example.com:1080")
    with pytest.raises(SignalWireConfigurationError, match=f"environment variable {variable} is not the URL") as caught:
        proxy_to("acme")
    assert "secret" not in str(caught.value)
    assert proxy_to("acme", {"proxy": "http://mine"}) == "http://mine"


def test_all_proxy_is_used_where_no_other_is_set(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "http://all.example.com:3128")
    assert proxy_to("acme") == "http://all.example.com:3128"
    monkeypatch.setenv("HTTPS_PROXY", "http://https.example.com:3128")
    assert proxy_to("acme") == "http://https.example.com:3128"


@pytest.mark.parametrize(("host", "proxied"), [("192.0.2.77", False), ("198.51.100.1", True)])
def test_no_proxy_may_be_a_block_of_addresses(monkeypatch, host, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "192.0.2.0/24")
    assert (proxy_to(host) is not None) is proxied


class TestCaBundle:
    @pytest.fixture
    def bundle_for(self, tmp_path):
        for name in ("connection.pem", "requests.pem", "curl.pem"):
            (tmp_path / name).touch()

        def bundle_for(host, **extra):
            settings = ClientSettings.from_connection_fields(host=host, login="p", password="t", extra=extra)
            return settings.ca_bundle

        return bundle_for

    def test_is_found_in_the_order_of_requests(self, bundle_for, monkeypatch, tmp_path):
        assert bundle_for("acme") is None
        for variable, name in (("CURL_CA_BUNDLE", "curl.pem"), ("REQUESTS_CA_BUNDLE", "requests.pem")):
            monkeypatch.setenv(variable, str(tmp_path / name))
            assert bundle_for("acme") == str(tmp_path / name)
        assert bundle_for("acme", ca_bundle=str(tmp_path)) == str(tmp_path)
        assert bundle_for("acme", verify=False) is None
        assert bundle_for("http://127.0.0.1") is None

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_that_does_not_exist_is_named_unless_the_connection_overrides_it(
        self, bundle_for, monkeypatch, tmp_path, variable
    ):
        monkeypatch.setenv(variable, "/no/such/file.pem")
        with pytest.raises(SignalWireConfigurationError, match=f"environment variable {variable} names a file that"):
            bundle_for("acme")
        assert bundle_for("acme", verify=False) is None
        assert bundle_for("acme", ca_bundle=str(tmp_path)) == str(tmp_path)
