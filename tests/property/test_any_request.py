"""The simulator responds to every request, and never with an internal error."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

API_ROOT = "/api/laml/2010-04-01"
FIELDS = ["Url", "Name", "Track", "Status", "To", "From", "StatusCallback", "Timeout", "Parameter1.Name", "PageSize"]

texts = st.text(max_size=30) | st.sampled_from(["wss://x", "https://[", "stopped", "Fri, 99 Jan 10000 03:04:35 GMT"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
json_bodies = st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values
content_types = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "ä"])
bodies = st.binary(max_size=60) | json_bodies.map(lambda value: json.dumps(value).encode())
segments = st.lists(st.text(max_size=8) | st.sampled_from(["Accounts", "Calls", "Streams", ".json", ".."]), max_size=7)


@pytest.fixture
def ask(simulator):
    """Send any bytes as a request; return the status of the response, whose body has to be JSON."""
    connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=10)
    login = b64encode(f"{simulator.project}:{simulator.token}".encode()).decode()

    def ask(method, target, body=b"", content_type="application/json"):
        headers = {"Authorization": f"Basic {login}", "Content-Type": content_type.encode("latin-1")}
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 204 or isinstance(json.loads(content), dict)
        return response.status

    yield ask
    connection.close()


@settings(max_examples=80)
@given(kind=st.sampled_from(["", "/{call}", "/{call}/Streams", "/{call}/Recordings"]), type_=content_types, body=bodies)
@example(kind="", type_="application/json", body=b"[" * 100_000)
@example(kind="", type_="application/json", body=b"1" * 10_000)
def test_any_body(ask, simulator, kind, type_, body):
    simulator.reset()
    [call] = simulator.seed()
    target = f"{API_ROOT}/Accounts/{simulator.project}/Calls{kind.format(call=call['sid'])}"
    assert ask("POST", target, body, type_) < 500


@settings(max_examples=80)
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]), path=segments)
def test_any_path(ask, simulator, method, path):
    target = "/".join([f"{API_ROOT}/Accounts/{simulator.project}", *(quote(segment, safe="") for segment in path)])
    assert ask(method, target) < 500
