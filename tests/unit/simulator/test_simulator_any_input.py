"""No request to any endpoint makes the simulator fail or exceed its limits."""

from __future__ import annotations

import http.client
import json
import socket
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire.simulator.compatibility.state import API
from airflow_provider_signalwire.simulator.control import CONTROL
from airflow_provider_signalwire.simulator.native import CALLING

ROUTES = [(route.method, router.prefix + route.path) for router in (API, CALLING, CONTROL) for route in router.routes]
KEYS = (
    "Url Name Track Status To From Twiml StatusCallback Timeout PageSize Page PageToken StartTime StartTime< EndTime>"
    " Parameter1.Name Parameter1.Value kind match times skip probability seed status headers body when seconds set drop"
    " bytes location count age_seconds to from streams sid account_sid calls name url latency_ms rate_limit"
    " stop_delay_ms answer_delay_ms path path_contains method"
    " command id params control_id custom_parameters status_url friendly_name"
)
STEADY = settings(
    max_examples=12, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)

WORDS = (
    "calling.stream calling.stream.stop"
    " stopped completed wss://x https://[ http://x:99999/ status reset empty patch 1/1 PA 2023-02-30 (a+)+$ % PAbmFuIDE"
)
words = st.sampled_from([*WORDS.split(), "Fri, 99 Jan 10000 03:04:35 GMT", "9" * 5000, "\ud800", "\0"])
scalars = st.none() | st.booleans() | st.integers() | st.integers(2**64, 2**70) | st.floats() | st.text() | words
keys = st.sampled_from(KEYS.split()) | st.text(max_size=5)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
faults = st.lists(
    st.builds(lambda kind, keys: {"kind": kind, **keys}, words, st.dictionaries(keys, scalars)), max_size=3
)
bodies = (
    (values | st.dictionaries(keys, values) | faults).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=100)
    | st.dictionaries(keys, words).map(
        lambda form: "&".join(f"{key}={value}" for key, value in form.items()).encode(errors="replace")
    )
)
types = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-16", "\xff", ""]
)
queries = st.dictionaries(keys, st.text(max_size=20) | words, max_size=4)


@pytest.fixture
def send(simulator):
    """Send a request with valid credentials; return the status of the response, which must be JSON."""
    login = b64encode(f"{simulator.project}:{simulator.token}".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=10)

    def send(method, target, body=b"", content_type="application/json"):
        headers = {"Authorization": f"Basic {login}", "Content-Type": content_type.encode("latin-1")}
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 204 or json.loads(content) is not None
        return response.status

    yield send
    connection.close()


@STEADY
@given(body=bodies, content_type=types, query=queries, sids=st.sampled_from(["known", "unknown"]))
@pytest.mark.parametrize(("method", "path"), ROUTES, ids=" ".join)
def test_any_request_gets_a_json_response(send, simulator, method, path, body, content_type, query, sids):
    simulator.reset()
    [call] = simulator.seed(sid="CA1", streams=[{"name": "known"}])
    names = {"AccountSid": simulator.project, "CallSid": call["sid"]} if sids == "known" else {}
    for name in ("AccountSid", "CallSid", "ConferenceSid", "StreamSid", "RecordingSid"):
        path = path.replace(f"{{{name}}}", names.get(name, sids))
    text = "&".join(f"{quote(key, errors='replace')}={quote(value, errors='replace')}" for key, value in query.items())
    status = send(method, f"{path}?{text}", b"" if method == "GET" else body, content_type)
    assert status < 500
    assert send("GET", "/_simulator/state") == send("GET", "/_simulator/requests") == 200


@STEADY
@given(path=st.lists(st.text(max_size=8) | st.sampled_from(["Accounts", "Calls", ".json", "..", ""]), max_size=7))
@pytest.mark.parametrize("prefix", [API.prefix, CALLING.prefix, CONTROL.prefix, ""])
def test_any_path_gets_a_json_response(send, prefix, path):
    target = "/".join([prefix, *(quote(segment, safe="", errors="replace") for segment in path)]) or "/"
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert send(method, target) < 500


@pytest.mark.parametrize("prefix", [f"{API.prefix}/Accounts/{{project}}/Calls", "/_simulator/calls"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"x" * 3_000_000, 413),
        (b"[" * 60_000, 400),
        (b'[{"kind": "json", "body": ' + b"[" * 200 + b"]" * 200 + b"}]", 400),
        (b"[" + b"0," * 30_000 + b"0]", 400),
        (b'{"To":' * 10_000, 400),
        (b'{"count": ' + b"9" * 5000 + b"}", 400),
        (b'{"To": NaN}', 400),
        (b'{"To": "\\ud800"}', 400),
        (b"\xff\xfe\xff", 400),
    ],
    ids=lambda value: str(value)[:20],
)
def test_hostile_body_is_refused(send, simulator, prefix, body, expected):
    assert send("POST", prefix.format(project=simulator.project), body) == expected


def test_long_query_and_many_parameters_are_refused(send, simulator):
    for prefix in (f"{API.prefix}/Accounts/{simulator.project}/Calls", "/_simulator/requests"):
        assert send("GET", f"{prefix}?To={'x' * 20_000}") == 414
        assert send("GET", f"{prefix}?{'a=&' * 2000}") == 400
    fields = "&".join(f"a{number}=b" for number in range(2000)).encode()
    target = f"{API.prefix}/Accounts/{simulator.project}/Calls/CA1"
    assert send("POST", target, fields, "application/x-www-form-urlencoded") == 400


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_endless_head_ends_the_connection(simulator, head):
    endless = head + (b"x-name: value\r\n" * 5000 if head.endswith(b"\n") else b"x" * 65536) * 100
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as connection,
        pytest.raises(OSError, match=r"reset|[Bb]roken pipe"),
    ):
        connection.sendall(endless)
