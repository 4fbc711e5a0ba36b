"""Proxies and CA bundles come from the connection or the environment; no proxy is used on the way to this machine."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

PROXY, OTHER = "http://proxy.example.com:3128", "http://other.example.com:3128"
PORT_ONLY = "acme.signalwire.com:8443"


def settings_for(host, schema=None, **extra):
    return ClientSettings.from_connection_fields(host=host, login="p", password="t", extra=extra, schema=schema)


@pytest.fixture
def environment(monkeypatch):
    """Set the variables of the environment, and no others about proxies and certificates."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return lambda **variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize(
    ("variables", "host", "extra", "proxy"),
    [
        ({}, "acme", {}, None),
        ({"HTTPS_PROXY": "http://user:password@proxy.example.com:3128"}, "acme", {}, PROXY),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, "acme", {}, PROXY),
        ({"ALL_PROXY": "http://proxy.example.com"}, "acme", {}, "http://proxy.example.com"),
        ({"ALL_PROXY": OTHER, "HTTPS_PROXY": PROXY}, "acme", {}, PROXY),
        *(({"HTTPS_PROXY": PROXY}, "acme", {"proxy": nothing}, PROXY) for nothing in (None, "")),
        *(({"HTTPS_PROXY": OTHER, "NO_PROXY": "*"}, host, {"proxy": PROXY}, PROXY) for host in ("acme", "localhost")),
        *(
            ({"HTTPS_PROXY": PROXY, "NO_PROXY": hosts}, host, {}, None)
            for hosts in ("*", "signalwire.com", "x.example.com, acme.signalwire.com")
            for host in ("acme", "acme:8443")
        ),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": PORT_ONLY}, "acme:8443", {}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": PORT_ONLY}, "acme:9443", {}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "192.0.2.0/24"}, "192.0.2.77", {}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "192.0.2.0/24"}, "198.51.100.1", {}, PROXY),
    ],
)
def test_proxy(environment, variables, host, extra, proxy):
    environment(**variables)
    assert settings_for(host, **extra).proxy == proxy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("schema", ["http", "https"])
def test_loopback_hosts_need_no_proxy(environment, host, schema):
    environment(HTTP_PROXY=PROXY, HTTPS_PROXY=PROXY)
    assert settings_for(host, schema).proxy is None


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_invalid_environment_proxy_is_named_and_not_quoted(environment, variable):
    environment(**{variable: "socks5://user:secret@proxy.example.com:1080"})
    with pytest.raises(SignalWireConfigurationError, match=f"environment variable {variable} is not the URL") as caught:
        settings_for("acme")
    assert "secret" not in str(caught.value)
    assert settings_for("acme", proxy=PROXY).proxy == PROXY


def test_ca_bundle_is_found_in_the_order_of_requests(environment, tmp_path):
    assert settings_for("acme").ca_bundle is None
    for variable in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        bundle = tmp_path / variable
        bundle.touch()
        environment(**{variable: str(bundle)})
        assert settings_for("acme").ca_bundle == str(bundle)
    assert settings_for("http://127.0.0.1").ca_bundle is None


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_ca_bundle_that_does_not_exist_is_named_unless_the_connection_overrides_it(environment, tmp_path, variable):
    environment(**{variable: "/no/such/file.pem"})
    with pytest.raises(SignalWireConfigurationError, match=f"environment variable {variable} names a file that"):
        settings_for("acme")
    assert settings_for("acme", verify=False).ca_bundle is None
    assert settings_for("acme", ca_bundle=str(tmp_path)).ca_bundle == str(tmp_path)
