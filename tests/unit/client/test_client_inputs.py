"""Wrong arguments are refused before anything is sent, each by its name and never with a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

URL = "wss://media.example.com"
START = {"account_sid": "project", "call_sid": "call", "url": URL, "name": "name"}
CREATE = {"account_sid": "project", "to": "+1", "from_": "+2"}


def refused(build, words, /, *args, **kwargs):
    with pytest.raises(SignalWireConfigurationError, match=words) as caught:
        build(*args, **kwargs)
    message = str(caught.value)
    assert "expected" in message
    return message


@pytest.mark.parametrize(
    "url",
    [
        "ws://x",
        "https://x",
        "media.example.com",
        "",
        "wss://",
        "wss:///x",
        "wss://x y",
        "wss://x\n",
        " wss://x",
        "wss://[x",
        "wss://x/\ud800",
        None,
        5,
        b"wss://x",
    ],
)
def test_a_stream_goes_to_a_wss_address_only(url):
    refused(endpoints.start_call_stream, r"^Parameter 'url' .*: expected 'wss://…'\.$", **(START | {"url": url}))


@pytest.mark.parametrize("url", ["wss://x", "WSS://x.example:8443/path?a=b", "wss://user:password@x"])
def test_any_wss_address_is_taken(url):
    assert ("Url", url) in endpoints.start_call_stream(**(START | {"url": url})).form


@pytest.mark.parametrize("url", ["ws://user:secret@x", "wss://user:secret@x y", "secret", "wss://[secret"])
def test_a_wrong_url_is_not_repeated(url):
    assert "secret" not in refused(endpoints.start_call_stream, "'url'", **(START | {"url": url}))
    callback = START | {"status_callback": url}
    assert "secret" not in refused(endpoints.start_call_stream, "'status_callback'", **callback)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("track", "inbound", "'both_tracks' or 'inbound_track' or 'outbound_track'"),
        ("track", ["both_tracks"], "'both_tracks'"),
        ("status_callback", "wss://x", "'https://…' or 'http://…'"),
        ("status_callback_method", "PUT", "'GET' or 'POST'"),
        ("status_callback_method", "get", "'GET' or 'POST'"),
        ("name", "", "text that is not blank"),
        ("name", "a/b", "without '/'"),
        ("name", None, "text"),
        ("authorization_bearer_token", "", "a token"),
        ("authorization_bearer_token", "sec\nret", "a token"),
        ("authorization_bearer_token", 5, "a token"),
        ("parameters", {"a": ""}, "custom parameters"),
        ("parameters", {"": "secret"}, "custom parameters"),
        ("parameters", {"a": 5}, "custom parameters"),
        ("parameters", {"a": "secret\ud800"}, "custom parameters"),
        ("parameters", [("a", "secret")], "custom parameters"),
        ("parameters", {str(number): "secret" for number in range(100)}, "at most 99"),
    ],
)
def test_a_wrong_argument_of_a_start_is_named(name, value, expected):
    message = refused(endpoints.start_call_stream, f"^Parameter '{name}' ", **(START | {name: value}))
    assert expected in message.partition("expected")[2]
    assert "sec" not in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": ""}, r"Parameter 'to' is ''"),
        ({"from_": "+1\n"}, r"Parameter 'from_' is '\+1\\n'"),
        ({"laml": "<Response/>"}, r"Unknown option 'laml': expected some of url, application_sid"),
        ({"zone": "z", "area": "a"}, r"Unknown option 'area', 'zone'"),
        ({"method": 5.5}, r"Parameter 'method' is 5\.5: expected text"),
        ({"status_callback_event": ["initiated", ""]}, r"Parameter 'status_callback_event' is ''"),
        ({"send_digits": "x" * 1000 + "\n"}, r"Parameter 'send_digits' is 'x{100,}\.\.\.: expected"),
    ],
)
def test_a_wrong_option_of_a_call_is_named(options, words):
    assert len(refused(endpoints.create_call, f"^{words}", **(CREATE | options))) < 1000


@pytest.mark.parametrize(
    "name", ["url", "fallback_url", "status_callback", "recording_status_callback", "sip_auth_password"]
)
@pytest.mark.parametrize("value", ["secret\n", b"secret", ["secret", "secret\x00"]])
def test_an_option_that_may_be_secret_is_not_repeated(name, value):
    message = refused(endpoints.create_call, f"^Parameter '{name}' is ", **(CREATE | {name: value}))
    assert "secret" not in message


def test_options_that_are_none_are_not_sent():
    request = endpoints.create_call(**CREATE, url=None, record=False, timeout=0, status_callback_event=[])
    assert request.form == (("To", "+1"), ("From", "+2"), ("Record", "false"), ("Timeout", "0"))


@pytest.mark.parametrize("options", [{}, {"status": None}])
def test_an_update_has_to_change_something(options):
    refused(endpoints.update_call, "nothing to change", "project", "call", **options)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"status": "done"}, "status"),
        ({"status": None}, "status"),
        ({"status": "paused", "pause_behavior": "wait"}, "pause_behavior"),
        ({"status": "paused", "recording_sid": "a/b"}, "recording_sid"),
    ],
)
def test_a_wrong_argument_of_a_recording_is_named(options, name):
    arguments = {"account_sid": "project", "call_sid": "call", "recording_sid": "recording", **options}
    refused(endpoints.update_call_recording, f"^Parameter '{name}' ", **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", 0),
        ("page_size", 1001),
        ("page_size", True),
        ("page_size", "50"),
        ("page_size", 5.0),
        ("status", "ended"),
        ("status", ""),
        ("to", " "),
        ("from_", 5),
        ("parent_call_sid", ""),
        ("started_before", datetime(2026, 1, 1)),
        ("started_after", 5),
        ("ended_before", ""),
        ("ended_after", datetime(2026, 1, 1).date()),
    ],
)
def test_a_wrong_filter_is_named(name, value):
    refused(endpoints.list_calls, f"^Parameter '{name}' is ", "project", **{name: value})


@pytest.mark.parametrize("page_size", [1, 1000])
def test_the_bounds_of_a_page_are_taken(page_size):
    assert endpoints.list_calls("project", page_size=page_size).query == (("PageSize", str(page_size)),)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "Fri, 02 Jan 2026 03:04:05 GMT"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5))), "Thu, 01 Jan 2026 22:04:05 GMT"),
        ("2026-01-02", "2026-01-02"),
    ],
)
def test_moments_are_sent_as_the_api_wants_them(moment, text):
    assert inputs.format_datetime("started_after", moment) == text


@pytest.mark.parametrize("value", [0, 0.5, 10**400])
def test_a_number_is_taken(value):
    assert inputs.validate_number("poll_interval", value) == value


@pytest.mark.parametrize("value", [-1, True, "5", None, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    refused(
        inputs.validate_number,
        "^Parameter 'poll_interval' is .*: expected a number of at least 0",
        "poll_interval",
        value,
    )


def test_a_number_has_its_own_minimum():
    refused(inputs.validate_number, "at least 0.5", "poll_interval", 0.4, minimum=0.5)
    assert inputs.validate_number("poll_interval", 0.5, minimum=0.5) == 0.5
