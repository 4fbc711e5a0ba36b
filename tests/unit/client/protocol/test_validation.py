"""Invalid arguments are refused, each by its name; no message shows a secret or a telephone number."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest

from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.client.protocol.filters import (
    format_datetime,
    validate_call_filters,
    validate_datetime,
)
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

URL = "wss://media.example.com"
START = {"account_sid": "project", "parent_sid": "call", "url": URL, "name": "name"}
CREATE = {"account_sid": "project", "to": "+1", "from_": "+2"}


def refused(build, words, /, *args, **kwargs):
    with pytest.raises(SignalWireConfigurationError, match=words) as caught:
        build(*args, **kwargs)
    message = str(caught.value)
    assert "expected" in message
    return message


refused_start = partial(refused, lambda **changes: endpoints.start_call_stream(**(START | changes)))


@pytest.mark.parametrize(
    "url",
    [
        *("ws://user:secret@x", "secret", "", "wss://", "wss://user:secret@x y", "wss://x\n", " wss://x"),
        *("wss://[secret", "wss://x/\ud800", None, 5),
    ],
)
def test_stream_needs_a_wss_url_and_any_other_is_not_quoted(url):
    assert "secret" not in refused_start(r"^Parameter 'url' .*: expected 'wss://…'\.", url=url)
    if url is not None:
        assert "secret" not in refused_start(
            "^Parameter 'status_callback' .*: expected 'https://…'", status_callback=url
        )


@pytest.mark.parametrize("url", ["wss://x", "WSS://x.example:8443/path?a=b", "wss://user:password@x"])
def test_wss_url_is_accepted(url):
    assert ("Url", url) in endpoints.start_call_stream(**(START | {"url": url})).form


start_stream = partial(endpoints.start_call_stream, **START)
create_call = partial(endpoints.create_call, **CREATE)
update_call = partial(endpoints.update_call, "project", "call")
update_recording = partial(endpoints.update_call_recording, "project", "call", "recording")
list_calls = partial(endpoints.list_calls, "project")

REFUSED = [
    (start_stream, {"url": "ws://x"}, "Parameter 'url' has the scheme 'ws': expected 'wss://…'"),
    (start_stream, {"track": "inbound"}, "Parameter 'track' .* 'both_tracks' or 'inbound_track' or 'outbound_track'"),
    (start_stream, {"track": ["both_tracks"]}, "Parameter 'track' is .* 'both_tracks' or"),
    (start_stream, {"name": 5}, "Parameter 'name' is .*: expected a SID or a name as a string"),
    (start_stream, {"name": "a/b"}, "Parameter 'name' is .* without '/'"),
    (start_stream, {"authorization_bearer_token": ""}, "Parameter 'authorization_bearer_token' .* An upstream task"),
    (
        start_stream,
        {"authorization_bearer_token": "secret\n"},
        "Parameter '.*_token' is a str, .* without control char",
    ),
    (start_stream, {"authorization_bearer_token": 5}, "Parameter 'authorization_bearer_token' is a int, .* a string"),
    (start_stream, {"status_callback_method": "POST"}, "Parameter 'status_callback_method' is given without 'status_"),
    (
        start_stream,
        {"status_callback": "https://example.com", "status_callback_method": "get"},
        "Parameter 'status_callback_method' is 'get': expected 'GET' or 'POST'",
    ),
    *((start_stream, {"parameters": value}, ".*expected a mapping") for value in ([("a", "secret")], "")),
    *(
        (start_stream, {"parameters": value}, f".*must map strings to non-empty strings; {words}: expected a string")
        for value, words in [
            ({"a": 1}, "the value of key 'a' is of type int"),
            ({"a": "x", "b": ""}, "the value of key 'b' is empty"),
            ({"a": "secret\ud800"}, "the value of key 'a' is not valid Unicode"),
            ({"": "secret"}, "a key is empty"),
            ({5: "secret"}, "a key is of type int"),
        ]
    ),
    (create_call, {"from_": "+15551234567\n"}, r"Parameter 'from_' is '\+\*\*\*4567\\n'"),
    (create_call, {"to": "5551234\n"}, r"Parameter 'to' is '\*\*\*1234\\n'"),
    (create_call, {"to": "\u202a+15551234567"}, r"Parameter 'to' is '.*\*4567': .* without white space around it"),
    (create_call, {"to": 15551234567}, r"Parameter 'to' is \*\*\*4567: expected .*, as a string"),
    (create_call, {"to": " +15551234567"}, r"Parameter 'to' is ' \+\*\*\*4567': .* without white space around it"),
    (create_call, {"laml": "<Response/>"}, r"Unknown option 'laml': expected some of url, application_sid"),
    (create_call, {"zone": "z", "area": "a"}, r"Unknown option 'area', 'zone'"),
    (create_call, {"method": 5.5}, r"Parameter 'method' is 5\.5: expected 'GET' or 'POST'\."),
    (create_call, {"method": "None"}, r"Parameter 'method' is 'None': expected 'GET' or 'POST'\. An upstream task"),
    (create_call, {"url": "example.com/answer.xml"}, r"Parameter 'url' has another scheme or none: expected 'https:"),
    (create_call, {"fallback_url": "None"}, r"Parameter 'fallback_url' is 'None': expected 'https:.* An upstream task"),
    (
        create_call,
        {"async_amd_status_callback": "https://"},
        r"Parameter 'async_amd_status_callback' is not a URL with",
    ),
    (create_call, {"sip_auth_username": 5.5}, r"Parameter 'sip_auth_username' is 5\.5: expected a string"),
    (create_call, {"application_sid": "app "}, r"Parameter 'application_sid' is 'app ': expected a SID"),
    (create_call, {"caller_id": "None"}, r"Parameter 'caller_id' is 'None'"),
    (create_call, {"record": "true"}, r"Parameter 'record' is 'true': expected True or False"),
    (create_call, {"record": 1}, r"Parameter 'record' is 1: expected True or False"),
    (create_call, {"timeout": -1}, r"Parameter 'timeout' is -1: expected seconds or a timedelta, from 0 seconds to "),
    (
        create_call,
        {"timeout": True},
        r"Parameter 'timeout' is True: expected seconds or a timedelta, from 0 seconds to ",
    ),
    (
        create_call,
        {"timeout": "abc"},
        r"Parameter 'timeout' is 'abc': expected seconds or a timedelta, from 0 seconds to ",
    ),
    (create_call, {"timeout": 1.5}, r"Parameter 'timeout' is 1\.5: expected whole seconds"),
    (
        create_call,
        {"machine_words_threshold": "six"},
        r"Parameter 'machine_words_threshold' is 'six': expected an integer",
    ),
    (
        create_call,
        {"machine_words_threshold": -1},
        r"Parameter 'machine_words_threshold' is -1: expected an integer from 0",
    ),
    (create_call, {"status_callback_event": ["initiated", ""]}, r"Parameter 'status_callback_event' is ''"),
    (create_call, {"trim": "x" * 1000 + "\n"}, r"Parameter 'trim' is 'x{100,}\.\.\.: expected"),
    *((update_call, options, ".* nothing to change") for options in ({}, {"status": None})),
    *((update_recording, {"status": status}, "Parameter 'status' is ") for status in ("done", None)),
    (update_recording, {"status": "paused", "pause_behavior": "wait"}, "Parameter 'pause_behavior' is "),
    *((list_calls, {"page_size": size}, "Parameter 'page_size' is ") for size in (0, 1001, True, "50", 5.0)),
    *((list_calls, {"status": status}, "Parameter 'status' is ") for status in ("ended", "", "None")),
    *((list_calls, {name: value}, f"Parameter '{name}' is ") for name, value in (("to", " "), ("from_", 5))),
    (list_calls, {"parent_call_sid": "call "}, "Parameter 'parent_call_sid' is 'call '"),
    *(
        (validate_call_filters, {"filters": filters}, words)
        for filters, words in [
            ({"to": "+15551234567\n"}, r".*call_filters\['to'\]' is '\+\*\*\*4567"),
            ({"+15551234567": "x"}, r".*unknown key '\+\*\*\*4567': expected some of to, from_"),
            ({"status": "queued", 5: 1}, ".*unknown key 'status', 5"),
            ("to=+15551234567", r".*is 'to=\+\*\*\*4567': expected a mapping"),
            ({"started_after": "soon"}, ".*'started_after.* expected a datetime"),
        ]
    ),
]


@pytest.mark.parametrize(("build", "arguments", "words"), REFUSED)
def test_invalid_argument_is_named_and_shows_nothing_private(build, arguments, words):
    message = refused(build, f"^{words}", **arguments)
    assert len(message) < 1000
    assert "secret" not in message
    assert "555" not in message.partition(": expected")[0]


@pytest.mark.parametrize(
    "name", ["url", "fallback_url", "status_callback", "recording_status_callback", "sip_auth_password", "send_digits"]
)
@pytest.mark.parametrize("value", ["secret\n", b"secret", ["secret", "secret\x00"]])
def test_option_that_may_be_secret_is_not_quoted(name, value):
    message = refused(endpoints.create_call, f"^Parameter '{name}' (is|has) ", **(CREATE | {name: value}))
    assert "secret" not in message


def test_options_that_are_none_are_not_sent():
    request = endpoints.create_call(**CREATE, url=None, record=False, timeout=0, status_callback_event=[])
    assert request.form == (("To", "+1"), ("From", "+2"), ("Record", "false"), ("Timeout", "0"))


MISSING = [None, "None", "null", "", "  ", "\u3000"]


@pytest.mark.parametrize("value", MISSING)
@pytest.mark.parametrize(
    "validate",
    [
        inputs.encode_path_segment,
        inputs.validate_sid,
        inputs.validate_text,
        partial(inputs.validate_text, may_be_secret=True),
        inputs.validate_phone_number,
        partial(inputs.validate_url, schemes=("wss",)),
        partial(inputs.validate_choice, allowed={"a"}),
        validate_datetime,
        format_datetime,
        partial(inputs.validate_duration, templated=True),
        partial(inputs.validate_boolean, templated=True),
        lambda name, value: validate_call_filters({"to": value}),
        lambda name, value: validate_call_filters(value),
    ],
)
def test_missing_value_is_refused_with_a_hint(validate, value):
    refused(partial(validate, "x"), f"is {re.escape(repr(value))}: expected .*An upstream task probably", value)


@pytest.mark.parametrize(
    "validate",
    [inputs.validate_duration, inputs.validate_boolean, partial(inputs.validate_integer, minimum=1, maximum=2)],
)
def test_none_in_the_dag_file_is_not_blamed_on_an_upstream_task(validate):
    with pytest.raises(SignalWireConfigurationError) as raised:
        validate("x", None)
    assert str(raised.value).startswith("Parameter 'x' is None: expected ")
    assert "upstream" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"sid": "secret", "to": "+15551234567"}, r"""is a whole record: pass its 'sid', .* start.output\["sid"\]"""),
        ("{'sid': 'secret', 'to': '+15551234567'}", "is a whole record: pass its 'sid'"),
        ('{"status": "queued", "sid" : "secret"}', "is a whole record: pass its 'sid'"),
        ({"status": "secret"}, "is a whole record: expected a SID or a name"),
        (15551234567, r"is the number \*\*\*4567: expected .* as a string.*render_template_as_native_obj"),
        (1.5, "is the number 1.5: expected .* as a string"),
        ("call ", "is 'call ': expected a SID or a name without white space around it"),
        ("\u00a0call", ".*without white space around it"),
        ("\ufeffcall", ".*without white space around it"),
        ("call\u200b", ".*without white space around it"),
        (True, "is True: expected a SID or a name"),
    ],
)
def test_invalid_sid_is_refused_with_advice(value, words):
    with pytest.raises(SignalWireConfigurationError, match=f"^Parameter 'call_sid' {words}") as caught:
        inputs.encode_path_segment("call_sid", value)
    assert not any(hidden in str(caught.value) for hidden in ("secret", "5551234567"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "Fri, 02 Jan 2026 03:04:05 GMT"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5))), "Thu, 01 Jan 2026 22:04:05 GMT"),
        ("2026-01-02T03:04:05Z", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ("2026-01-02 03:04:05.678+01:00", "Fri, 02 Jan 2026 02:04:05 GMT"),
        ("Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ("2 Jan 2026 03:04:05 -0100", "Fri, 02 Jan 2026 04:04:05 GMT"),
    ],
)
def test_datetimes_are_sent_as_rfc_2822(value, text):
    assert format_datetime("started_after", value) == text


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 2),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        1767225600,
        *("2026-01-02", "2026-01-02T03:04:05", "Fri, 02 Jan 2026 03:04:05", "Fri, 32 Jan 2026 03:04:05 GMT"),
        *("2026-13-02T03:04:05Z", "0001-01-01T00:00:00+05:00", "yesterday", "\ud800"),
    ],
)
def test_datetime_without_zone_or_out_of_range_is_refused(value):
    refused(format_datetime, "^Parameter 'x' is .*: expected a datetime with a time zone", "x", value)


def test_call_filters_are_validated():
    started_after = datetime(2026, 1, 2, tzinfo=UTC)
    filters = {"to": "+15551234567", "from_": "sip:a@example.com", "parent_call_sid": "call"}
    assert validate_call_filters(filters | {"started_after": started_after.isoformat()}) == {
        **filters,
        "started_after": started_after,
    }
    assert validate_call_filters({}) == {}


@pytest.mark.parametrize("value", [-1, True, "5", None, float("nan"), float("inf")])
def test_invalid_number_is_refused(value):
    refused(inputs.validate_number, "^Parameter 'period' is .*: expected a number of at least 0", "period", value)


def test_number_has_a_minimum():
    refused(inputs.validate_number, r"a number of at least 0\.5\.", "period", 0.4, minimum=0.5)
    assert [inputs.validate_number("period", value, minimum=0.5) for value in (0.5, 10**400)] == [0.5, 10**400]


@pytest.mark.parametrize("value", [0, 11, True, "5", 5.0, None])
def test_invalid_integer_is_refused(value):
    refused(inputs.validate_integer, "expected an integer from 1 to 10", "n", value, minimum=1, maximum=10)
    assert [inputs.validate_integer("n", limit, minimum=1, maximum=10) for limit in (1, 10)] == [1, 10]


@pytest.mark.parametrize(
    ("value", "seconds"), [(0, 0), (1.5, 1.5), (timedelta(minutes=2), 120), (timedelta(days=365), 31536000)]
)
def test_duration_takes_seconds_and_timedeltas(value, seconds):
    assert inputs.validate_duration("timeout", value) == seconds
    assert isinstance(inputs.validate_duration("timeout", value), float)


@pytest.mark.parametrize(
    "value", [-1, True, "5", None, float("nan"), float("inf"), 31536001, timedelta(seconds=-1), timedelta.max, 10**400]
)
def test_invalid_duration_names_unit_and_limits(value):
    words = "^Parameter 'timeout' is .*: expected seconds or a timedelta, from 0 seconds to 365 days"
    refused(inputs.validate_duration, words, "timeout", value)


def test_templated_duration_may_be_a_numeric_string():
    assert [inputs.validate_duration("t", text, templated=True) for text in ("5", "1.5", " 60 ")] == [5, 1.5, 60]
    for text in ("soon", "-1", "nan", "1e3", "1:00:00", "9" * 30):
        refused(inputs.validate_duration, "expected seconds or a timedelta", "t", text, templated=True)


def test_boolean_is_a_string_only_where_it_is_templated():
    assert [inputs.validate_boolean("b", text, templated=True) for text in ("True", " false ")] == [True, False]
    for value, templated in (("true", False), (1, True), ("yes", True), (0, False), (None, False)):
        refused(inputs.validate_boolean, "expected True or False", "b", value, templated=templated)
