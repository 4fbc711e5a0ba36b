"""Authentication, routing, limits, latency and request log of the simulated API."""

from __future__ import annotations

import base64
import re
import socket
import time

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_signalwire.simulator import SimulatorServer, store
from airflow_provider_signalwire.simulator.settings import RateLimit, Settings


def assert_refused(response, status, code):
    record = response.json()
    assert (response.status_code, record["code"], record["status"]) == (status, code, status)
    assert record["message"]
    assert record["more_info"].startswith("https://")


def test_only_valid_basic_credentials_are_accepted(api, simulator):
    api.auth = None
    right = base64.b64encode(f"{simulator.project}:{simulator.token}".encode()).decode()
    wrong = base64.b64encode(f"{simulator.project}:wrong".encode()).decode()
    assert api.get("", headers={"Authorization": f"basic {right}"}).json()["auth_token"] == "redacted"
    for value in (f"Bearer {right}", f"Basic {wrong}", "", None):
        assert_refused(api.get("", headers={"Authorization": value}), 401, 20003)


def test_calls_belong_to_one_account(api, simulator, call_sid):
    [subproject] = simulator.state.settings.subprojects
    assert_refused(api.get(api.url("/Calls", "someone-else")), 401, 20003)
    assert_refused(api.get(api.url(f"/Calls/{call_sid}", subproject)), 404, 20404)
    assert api.get(api.url("/Calls", subproject)).json()["calls"] == []


@pytest.mark.parametrize(("scope", "refused", "allowed"), [("Voice", "", "/Calls"), ("Management", "/Calls", "")])
def test_scopes_limit_what_a_token_can_do(api, scope, refused, allowed):
    with SimulatorServer(scopes=(scope,)) as api.server:
        assert api.get(allowed).status_code == 200
        response = api.get(refused)
        assert_refused(response, 401, 20003)
        assert "scope" in response.json()["message"]


@pytest.mark.parametrize("path", ["/Nothing", "/Calls//Streams", "/Calls/x/Streams/y/z", "/Calls/"])
def test_unknown_path_is_not_found(api, simulator, path):
    assert_refused(api.get(path), 404, 20404)
    assert_refused(api.get(f"{simulator.url}/Accounts/{simulator.project}{path}"), 404, 20404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "", "GET"), ("PATCH", "/Calls/x", "GET, POST, DELETE"), ("GET", "/Calls/x/Streams/y", "POST")],
)
def test_unsupported_method_is_refused_with_those_allowed(api, method, path, allowed):
    response = api.request(method, path)
    assert_refused(response, 405, 20004)
    assert response.headers["Allow"] == allowed


def test_response_has_its_own_request_id_and_json_suffix_is_optional(api, simulator, call_sid):
    responses = [api.get(f"/Calls/{call_sid}.json"), api.get(f"/Calls/{call_sid}"), api.get("/Nothing")]
    assert responses[0].json() == responses[1].json()
    ids = [response.headers["X-Request-Id"] for response in responses]
    assert len(set(ids)) == 3
    assert [entry["request_id"] for entry in simulator.requests()] == ids


def test_rate_limit_refuses_until_its_period_has_passed(api, simulator, clock):
    simulator.reset(rate_limit="2/10")
    change = f"/Calls/{simulator.seed()[0]['sid']}"
    first = api.post(change)
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("2", "1")
    clock.advance(4)
    assert api.post(change).headers["X-RateLimit-Remaining"] == "0"
    refused = api.put(change)
    assert_refused(refused, 429, 20429)
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("6", "0")
    assert api.get(change).status_code == 200, "reading is not limited"
    clock.advance(6)
    assert api.post(change).status_code == 200
    assert api.patch(change).headers["Retry-After"] == "4"


def test_rate_limited_request_is_not_processed_and_uses_no_fault(api, simulator):
    simulator.reset(rate_limit="1/10")
    [call] = simulator.seed(streams=[{"name": "a"}])
    api.post("/Calls/x")
    simulator.set_faults([{"kind": "empty"}])
    assert api.stop(call["sid"], "a").status_code == 429
    assert simulator.faults()[0]["fired"] == 0
    assert simulator.state.snapshot()["counts"]["running_streams"] == 1


def test_rate_limit_wait_is_at_least_a_second():
    limit = RateLimit("1/0.1")
    assert limit.take(5.0) is None
    assert limit.take(5.05) == 1
    assert limit.remaining(5.1) == 1


@pytest.mark.parametrize("faults", [[], [{"kind": "empty"}]])
def test_latency_delays_every_response(api, simulator, faults):
    simulator.reset(latency_ms=60)
    simulator.set_faults(faults)
    began = time.monotonic()
    assert api.get("").status_code == 200
    assert time.monotonic() - began >= 0.06


@pytest.mark.parametrize(
    "settings",
    [
        *({"rate_limit": limit} for limit in ("13800", "0/10", "10/0", "10/inf", "1/2/3", 5, "9999999/1")),
        *({name: ""} for name in ("project", "token", "signing_key")),
        {"project": "a:b"},
        *({"latency_ms": value} for value in (-1, "soon", True, float("inf"), float("nan"), 10**400)),
        {"scopes": ("Everything",)},
        {"unknown": 1},
    ],
    ids=str,
)
def test_invalid_setting_is_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Settings(**settings)


def test_settings_hide_secrets():
    settings = Settings(token="hidden-token", signing_key="hidden-key")
    assert "hidden" not in f"{settings!r} {settings} {settings.model_dump()}"
    with pytest.raises(ValueError, match="token") as error:
        Settings(token=["hidden"])
    assert "hidden" not in str(error.value)


def test_request_log_drops_the_oldest(api, simulator, monkeypatch):
    monkeypatch.setattr(store, "LOG_CAPACITY", 3)
    simulator.reset()
    for number in range(5):
        api.get(f"/{number}")
    assert api.get("/_simulator/requests").json()["total"] == 5
    assert [entry["path"][-1] for entry in simulator.requests()] == ["2", "3", "4"]


# tests/property and tests/contract send requests of any kind.
@pytest.mark.parametrize("path", ["/Calls", "/_simulator/calls", "/_simulator/faults"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"x" * 3_000_000, 413),
        (b'[{"kind": "json", "body": ' + b"[" * 200 + b"]" * 200 + b"}]", 400),
        (b"[" + b"0," * 30_000 + b"0]", 400),
        (b'{"To":' * 10_000, 400),
        (b'{"count": ' + b"9" * 5000 + b"}", 400),
        (b'[{"kind": "json", "body": NaN}]', 400),
        (b'{"To": "\\ud800"}', 400),
        (b"\xff\xfe\xff", 400),
    ],
    ids=lambda value: str(value)[:20],
)
def test_oversize_or_malformed_body_is_refused(api, path, body, expected):
    response = api.post(path, data=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, bool(response.json())) == (expected, True)
    assert api.server.state.snapshot()["calls"] == []


def test_openapi_document_has_every_schema_it_refers_to(api):
    document = api.get("/_simulator/openapi.json")
    references = re.findall(r'"#/components/schemas/(\w+)"', document.text)
    assert set(references) == set(document.json()["components"]["schemas"])
    assert set(re.findall(r'"application/json": \{"(\w+)"', document.text)) == {"schema"}
    for operation in [operation for path in document.json()["paths"].values() for operation in path.values()]:
        for parameter in operation["parameters"]:
            Draft202012Validator.check_schema(parameter["schema"])


@pytest.mark.parametrize("path", ["/Calls", "/_simulator/requests"])
def test_long_query_is_refused(api, path):
    assert api.get(f"{path}?To={'x' * 20_000}").status_code == 414


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_endless_head_ends_the_connection(simulator, head):
    endless = head + (b"x-name: value\r\n" * 5000 if head.endswith(b"\n") else b"x" * 65536) * 100
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as connection,
        pytest.raises(OSError, match=r"reset|[Bb]roken pipe"),
    ):
        connection.sendall(endless)
