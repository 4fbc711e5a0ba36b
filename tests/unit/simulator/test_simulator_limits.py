"""Requests beyond the simulator's limits. ``tests/property`` and ``tests/contract`` send it requests of any kind."""

from __future__ import annotations

import socket

import pytest

API_CALLS, CONTROL_CALLS = "/Calls", "/_simulator/calls"


@pytest.fixture
def post(api, simulator):
    def post(path, body, content_type="application/json"):
        url = path if path == API_CALLS else simulator.url + path
        response = api.post(url, data=body, headers={"Content-Type": content_type})
        assert response.json()
        return response.status_code

    return post


@pytest.mark.parametrize("path", [API_CALLS, CONTROL_CALLS])
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
def test_oversize_or_malformed_body_is_refused(post, path, body, expected):
    assert post(path, body) == expected


def test_too_many_fields_are_refused(post):
    fields = "&".join(f"a{number}=b" for number in range(2000)).encode()
    assert post(API_CALLS, fields, "application/x-www-form-urlencoded") == 400


@pytest.mark.parametrize("path", [API_CALLS, "/_simulator/requests"])
@pytest.mark.parametrize(
    ("query", "expected"), [(f"To={'x' * 20_000}", 414), ("a=&" * 2000, 400)], ids=["long", "many"]
)
def test_long_query_and_many_parameters_are_refused(api, simulator, path, query, expected):
    url = path if path == API_CALLS else simulator.url + path
    assert api.get(f"{url}?{query}").status_code == expected


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_endless_head_ends_the_connection(simulator, head):
    endless = head + (b"x-name: value\r\n" * 5000 if head.endswith(b"\n") else b"x" * 65536) * 100
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as connection,
        pytest.raises(OSError, match=r"reset|[Bb]roken pipe"),
    ):
        connection.sendall(endless)
