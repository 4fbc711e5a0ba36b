"""SIDs, names and form values arrive as they were given, or are refused before anything is sent."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireNotFoundError

AWKWARD_NAMES = [
    "agent assist",
    "Café - 通話 ①",
    "100%",
    "%2F%2e%2E",
    "a+b",
    "who?",
    "#1",
    "a&b=c;d",
    "~tilde",
    """'single' "double" `back`""",
    "a,b:c@d!e$f(g)*[h]{i}|j^k<l>",
    "...",
    ".json.",
    "name\u00a0with\u200bodd\u202espaces",
    "x" * 500,
]

# Awkward ASCII is mixed in often, for that is what encoders treat specially.
any_text = st.text(st.one_of(st.sampled_from("%+?#&;~'\" /\\.=:@,$!*()[]{}|^<>\t\n"), st.characters()), max_size=12)
several_texts = st.lists(any_text, min_size=1, max_size=25)
many_requests = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def all_of(requests):
    """Send requests one after the other, whatever is returned."""
    for request in requests:
        with contextlib.suppress(SignalWireNotFoundError):
            yield from send(request)


def built(make, texts):
    """Build a request of each text; the texts that are refused are left out."""
    pairs = []
    for text in texts:
        try:
            pairs.append((text, make(text)))
        except SignalWireConfigurationError:
            continue
    return pairs


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_a_stream_is_stopped_by_an_awkward_name(run, simulator, name):
    [call] = simulator.seed(streams=[{"name": name}, {"name": "another"}])
    record = run(stop_stream(simulator.project, call["sid"], name)).record
    assert (record["sid"], record["name"]) == (call["streams"][0]["sid"], name)
    assert len(simulator.requests()) == 1


@many_requests
@given(texts=several_texts)
def test_any_text_arrives_as_one_path_segment(run, simulator, texts):
    simulator.reset()
    sent = built(lambda text: endpoints.stop_call_stream(simulator.project, "call", text), texts)
    run(all_of(request for _, request in sent))
    arrived = [request["path"].split("/") for request in simulator.requests()]
    assert [unquote(path[-1]) for path in arrived] == [text for text, _ in sent]
    assert {len(path) for path in arrived} <= {10}


@many_requests
@given(texts=several_texts)
def test_any_text_arrives_as_a_form_value(run, simulator, texts):
    simulator.reset()
    [call] = simulator.seed()

    def start(text):
        return endpoints.start_call_stream(
            simulator.project, call["sid"], url="wss://example.com", name="n", parameters={text: text}
        )

    sent = built(start, texts)
    # A name is free again only when its stream has been stopped.
    stop = endpoints.stop_call_stream(simulator.project, call["sid"], "n")
    run(all_of(step for _, request in sent for step in (request, stop)))
    arrived = [request["form"] for request in simulator.requests()[::2]]
    assert [form["Parameter1.Value"] for form in arrived] == [text for text, _ in sent]
    assert [form["Parameter1.Name"] for form in arrived] == [text for text, _ in sent]


@many_requests
@given(texts=several_texts)
def test_any_text_arrives_as_a_query_value(run, simulator, texts):
    simulator.reset()
    sent = built(lambda text: endpoints.list_calls(simulator.project, to=text, page_size=7), texts)
    run(all_of(request for _, request in sent))
    arrived = [parse_qsl(request["query"], strict_parsing=True) for request in simulator.requests()]
    assert arrived == [[("To", text), ("PageSize", "7")] for text, _ in sent]


@pytest.mark.parametrize(
    "sid",
    [
        ".",
        "..",
        "a/b",
        "/",
        "a\\b",
        "..\\..",
        "a\nb",
        "a\x00",
        "\x7f",
        "\x85",
        "\u2028",
        "\ud800",
        "call.json",
        ".json",
        "call ",
        b"call",
        ["call"],
    ],
)
@pytest.mark.parametrize("parameter", ["account_sid", "call_sid", "stream_sid"])
def test_segment_that_would_not_arrive_is_refused_by_name(sid, parameter):
    sids = {"account_sid": "project", "call_sid": "call", "stream_sid": "stream"} | {parameter: sid}
    with pytest.raises(SignalWireConfigurationError, match=f"^Parameter '{parameter}' is .*: expected ") as caught:
        endpoints.stop_call_stream(*sids.values())
    assert str(caught.value).isprintable()


def test_a_stream_cannot_be_started_under_a_name_it_could_not_be_stopped_by():
    with pytest.raises(SignalWireConfigurationError, match="Parameter 'name' is 'a/b'"):
        endpoints.start_call_stream("project", "call", url="wss://example.com", name="a/b")
