"""Whatever a server answers becomes a record or a SignalWireError, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_signalwire.client.protocol import endpoints, responses
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireError,
    SignalWireResponseError,
    SignalWireServerError,
)

REQUESTS = [
    endpoints.stop_call_stream("project", "call", "stream"),
    endpoints.get_call("project", "call"),
    endpoints.create_call("project", to="+1", from_="+2"),
    endpoints.list_calls("project"),
    endpoints.get_account("project"),
    endpoints.delete_call("project", "call"),
    endpoints.start_call_recording("project", "call"),
    endpoints.start_call_stream("project", "call", url="wss://x", name="stream", parameters={"a": "b"}),
]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

keys = st.sampled_from(
    ["sid", "status", "name", "call_sid", "calls", "next_page_uri", "errors", "code", "message", "more_info", "x"]
)
plain_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["call", "stream"])
json_values = st.recursive(
    plain_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=10
)
bodies = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode())
header_values = st.text(st.characters(codec="latin-1"), max_size=40)
headers = st.dictionaries(st.sampled_from(["Retry-After", "X-Request-Id", "request-id", "Date"]), header_values)


def read(request, status, body, headers=None, secrets=()):
    return responses.read_answer(
        request, status=status, headers=CaseInsensitiveDict(headers or {}), body=body, secrets=secrets
    )


@patient
@given(request=st.sampled_from(REQUESTS), status=st.integers(100, 999), headers=headers, body=bodies)
def test_any_answer_is_a_record_or_an_error(request, status, headers, body):
    failure, record = None, None
    try:
        record = read(request, status, body, headers)
    except SignalWireError as error:
        failure = error
    if failure is not None:
        assert isinstance(failure, SignalWireApiError if status >= 400 else SignalWireResponseError)
        assert failure.http_status == status
        assert str(failure).startswith(f"Tried to {request.what}: ")
        assert str(failure).isprintable()
        json.dumps(failure.to_event())
    else:
        assert 200 <= status < 300
        assert record == ({} if request.read_record is None else json.loads(body))


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000, b"\xff\xfe{", b"\xef\xbb\xbf", b"{" * 10, b"NaN", b"\x00"],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_hostile_body_is_an_error_like_any_other(body, status):
    with pytest.raises(SignalWireError):
        read(REQUESTS[0], status, body)


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_every_success_is_a_record(status):
    body = b'{"sid": "call", "status": "queued"}'
    assert read(REQUESTS[1], status, body) == {"sid": "call", "status": "queued"}


def test_a_deletion_needs_no_body():
    assert read(endpoints.delete_call("project", "call"), 204, b"") == {}


@pytest.mark.parametrize("status", [100, 199])
def test_an_answer_before_the_answer_is_no_record(status):
    with pytest.raises(SignalWireResponseError, match="is none this provider knows"):
        read(REQUESTS[0], status, b"{}")


@pytest.mark.parametrize("status", [430, 599, 799])
def test_a_status_without_a_name_is_an_error(status):
    with pytest.raises(SignalWireApiError, match=rf"answered {status} \(an unknown status\)"):
        read(REQUESTS[0], status, b"")


def test_a_long_message_is_cut():
    body = json.dumps({"message": "x" * 5000}).encode()
    with pytest.raises(SignalWireServerError) as caught:
        read(REQUESTS[0], 500, body)
    assert caught.value.message == "x" * 500


def test_what_a_record_may_leave_open():
    check = partial(responses.stream_record, call_sid="call", stream_sid="stream")
    for record in (
        {"sid": "stream", "status": "queued"},
        {"sid": "other", "status": "queued", "name": "stream", "call_sid": "CALL"},
        {"sid": "other", "status": "queued", "name": None},
    ):
        assert check(record) is record


@pytest.mark.parametrize("record", [{"name": "other"}, {"name": 5}, {"call_sid": None}, {"call_sid": "other"}])
def test_what_a_record_must_not_say(record):
    with pytest.raises(ValueError, match="is about another"):
        responses.stream_record({"sid": "other", "status": "queued", **record}, call_sid="call", stream_sid="stream")


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("Fri, 02 Jan 2026 03:04:35 GMT", 30),
            ("Fri, 02 Jan 2026 04:04:35 +0100", 30),
            ("Fri, 02 Jan 2026 03:04:35 -0000", 30),
            ("Friday, 02-Jan-26 03:04:35 GMT", 30),
            ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
            ("", None),
            ("soon", None),
            ("1.5", None),
            ("-1", None),
            ("²", None),
            ("Fri, 99 Jan 2026 03:04:35 GMT", None),
        ],
    )
    def test_spellings(self, value, seconds):
        assert responses.retry_after({"Retry-After": value}, now=NOW) == seconds

    def test_without_the_header_nothing_is_asked(self):
        assert responses.retry_after({}) is None

    @patient
    @given(seconds=st.integers(0, 10**30))
    def test_seconds_are_never_negative_and_never_endless(self, seconds):
        wait = responses.retry_after({"Retry-After": str(seconds)})
        assert wait == (seconds if seconds < 10**9 else min(wait, 10**9))
        assert wait >= min(seconds, 10**8)

    @patient
    @given(seconds=st.integers(-(10**9), 10**9))
    def test_a_date_means_the_time_until_then(self, seconds):
        until = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
        assert responses.retry_after({"Retry-After": until}, now=NOW) == max(0, seconds)

    @patient
    @given(value=st.text(max_size=60) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ ([+-]\d+|GMT)?"))
    def test_any_text_is_a_wait_or_none(self, value):
        wait = responses.retry_after({"Retry-After": value}, now=NOW)
        assert wait is None or 0 <= wait < 10**12


def test_a_request_shows_its_target():
    request = endpoints.list_calls("project", started_before="a b+c", page_size=5)
    assert request.target == "/api/laml/2010-04-01/Accounts/project/Calls?StartTime%3C=a+b%2Bc&PageSize=5"
    assert endpoints.get_account("project").target == "/api/laml/2010-04-01/Accounts/project"
