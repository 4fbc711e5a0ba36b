"""How any value in a request is encoded; ``tests/contract`` has the paths and fields of every endpoint."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import IDS

from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ACCOUNT = "/api/laml/2010-04-01/Accounts/project"
STREAM = {"url": "wss://media.example.com/audio?key=1", "name": "bot #2 & Café"}
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

SAFE_TO_REPEAT = [
    endpoints.get_account("project"),
    endpoints.get_call("project", "call"),
    endpoints.update_call("project", "call", status="completed"),
    endpoints.delete_call("project", "call"),
    endpoints.update_call_recording("project", "call", "recording", status="paused"),
    endpoints.stop_call_stream(*IDS),
]
NOT_SAFE_TO_REPEAT = [
    endpoints.create_call("project", to="+1", from_="+2"),
    endpoints.update_call("project", "call", status="completed", url="https://x"),
    endpoints.start_call_recording("project", "call"),
    endpoints.start_call_stream("project", "call", **STREAM),
]


def sent_form(request):
    return parse_qsl((request.body or b"").decode("ascii"), keep_blank_values=True, strict_parsing=bool(request.body))


def test_requests_that_start_something_are_not_safe_to_repeat():
    assert all(request.safe_to_repeat for request in SAFE_TO_REPEAT)
    assert not any(request.safe_to_repeat for request in NOT_SAFE_TO_REPEAT)


def test_call_is_created_with_options_as_the_api_writes_them():
    request = endpoints.create_call(
        "project",
        to="+15550100001",
        from_="+15550100002",
        url="https://example.com/answer.xml?a=1&b=2",
        status_callback_event=["initiated", "answered"],
        timeout=timedelta(seconds=20),
        machine_words_threshold="6",
        record=True,
        async_amd=False,
        caller_id=None,
    )
    assert sent_form(request) == [
        ("To", "+15550100001"),
        ("From", "+15550100002"),
        ("Url", "https://example.com/answer.xml?a=1&b=2"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "answered"),
        ("Timeout", "20"),
        ("MachineWordsThreshold", "6"),
        ("Record", "true"),
        ("AsyncAmd", "false"),
    ]


def test_stream_is_started_with_its_options_and_parameters():
    request = endpoints.start_call_stream(
        "project",
        "call",
        **STREAM,
        track="inbound_track",
        status_callback="https://example.com/events?a=1&b=2",
        status_callback_method="GET",
        parameters={"language": "de", "greeting & co": "línea 1\nlínea 2 + 3 = 100 %"},
        authorization_bearer_token="bearer-secret",
    )
    assert (request.method, request.target) == ("POST", f"{ACCOUNT}/Calls/call/Streams")
    assert sent_form(request) == [
        ("Url", STREAM["url"]),
        ("Name", STREAM["name"]),
        ("Track", "inbound_track"),
        ("StatusCallback", "https://example.com/events?a=1&b=2"),
        ("StatusCallbackMethod", "GET"),
        ("AuthorizationBearerToken", "bearer-secret"),
        ("Parameter1.Name", "language"),
        ("Parameter1.Value", "de"),
        ("Parameter2.Name", "greeting & co"),
        ("Parameter2.Value", "línea 1\nlínea 2 + 3 = 100 %"),
    ]


def test_calls_are_listed_by_every_filter():
    request = endpoints.list_calls(
        "project",
        status="completed",
        to="+15550100009",
        from_="sip:a+b@example.com",
        parent_call_sid="CA 1",
        started_before=NOON,
        started_after=NOON.astimezone(timezone(timedelta(hours=5))),
        ended_before="2026-01-02T13:00:00+01:00",
        ended_after="Mon, 01 Jan 2024 00:00:00 GMT",
        page_size=7,
    )
    noon = "Fri, 02 Jan 2026 12:00:00 GMT"
    assert urlsplit(request.target).path == f"{ACCOUNT}/Calls"
    assert parse_qsl(urlsplit(request.target).query, strict_parsing=True) == [
        ("Status", "completed"),
        ("To", "+15550100009"),
        ("From", "sip:a+b@example.com"),
        ("ParentCallSid", "CA 1"),
        ("StartTime<", noon),
        ("StartTime>", noon),
        ("EndTime<", noon),
        ("EndTime>", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ("PageSize", "7"),
    ]


def test_99_parameters_are_sent_and_100_are_refused():
    parameters = {f"name {number}": f"value {number}" for number in range(1, 100)}
    form = dict(endpoints.start_call_stream("project", "call", **STREAM, parameters=parameters).form)
    assert (form["Parameter99.Name"], form["Parameter99.Value"]) == ("name 99", "value 99")
    with pytest.raises(SignalWireConfigurationError, match="'parameters' has 100 entries: expected at most 99"):
        endpoints.start_call_stream("project", "call", **STREAM, parameters=parameters | {"one": "more"})


def test_description_quotes_at_most_a_hundred_characters_of_an_id():
    assert len(endpoints.stop_call_stream("project", "c" * 5000, "s" * 5000).log_description) < 300


awkward = st.sampled_from("%+?#&;~'\" /\\.=:@,$!*()[]{}|^<>\t\n\x7f\x85\u2028\ud800é通")
texts = st.text(awkward | st.characters(), max_size=12) | st.sampled_from([".", "..", "None", " a", "a.json", "%2e%2e"])


def would_not_arrive(text):
    """Return whether a string cannot be one segment of the API's paths."""
    control = any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
    unsendable = any(character in "\u2028\u2029" or "\ud800" <= character <= "\udfff" for character in text)
    ambiguous = text in (".", "..") or text.endswith(".json") or "/" in text or "\\" in text
    missing = text.strip() in ("", "None", "null") or text != text.strip()
    invisible = not (text[:1] + text[-1:]).isprintable()  # also a character that this Python's Unicode does not know
    return missing or invisible or control or unsendable or ambiguous


ENDPOINTS_WITH_IDS = [
    endpoints.stop_call_stream,
    lambda account, call, name: endpoints.start_call_stream(account, call, url="wss://x", name=name),
    lambda account, call, recording: endpoints.update_call_recording(account, call, recording, status="paused"),
    lambda account, call, _: endpoints.delete_call(account, call),
]


@settings(max_examples=300)
@given(make=st.sampled_from(ENDPOINTS_WITH_IDS), ids=st.tuples(texts, texts, texts))
@example(make=endpoints.stop_call_stream, ids=("project", "call", "stream.JSON"))
def test_any_id_arrives_unchanged_or_is_refused(make, ids):
    request, refusal = None, ""
    try:
        request = make(*ids)
    except SignalWireConfigurationError as error:
        refusal = str(error)
    if request is None:
        assert refusal.isprintable()
        assert any(would_not_arrive(text) for text in ids)
        return
    segments = [unquote(segment) for segment in request.target.split("/")[5::2]]
    assert segments == list(ids[: len(segments)])
    assert not any(would_not_arrive(text) for text in segments)
    assert dict(request.form).get("Name") in (None, ids[2])


@given(text=texts)
def test_any_text_arrives_unchanged_or_is_refused(text):
    with contextlib.suppress(SignalWireConfigurationError):
        start = endpoints.start_call_stream("project", "call", **STREAM, parameters={text: text})
        assert sent_form(start)[2:] == [("Parameter1.Name", text), ("Parameter1.Value", text)]


@pytest.mark.parametrize("parameter", ["account_sid", "call_sid", "stream_sid"])
@pytest.mark.parametrize("sid", ["..", "a/b", "..\\..", "a\nb", ".json", "call ", b"a", ["a"]])
def test_id_that_would_not_arrive_is_refused_by_name(parameter, sid):
    ids = {"account_sid": "project", "call_sid": "call", "stream_sid": "stream"} | {parameter: sid}
    with pytest.raises(SignalWireConfigurationError, match=f"^Parameter '{parameter}' is .*: expected ") as caught:
        endpoints.stop_call_stream(*ids.values())
    assert str(caught.value).isprintable()
