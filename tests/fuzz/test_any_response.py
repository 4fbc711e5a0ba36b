"""Any responses, in any order, end a flow with a valid result or a SignalWireError."""

from __future__ import annotations

import json
from pathlib import Path

import fuzz_flows
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import response

from airflow_provider_signalwire.exceptions import SignalWireResponseError

CORPUS = Path(__file__).parent / "corpus"

statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 404, 409, 422, 429, 500, 503]) | st.integers(100, 999)
header_names = st.sampled_from(["Retry-After", "X-Request-Id", "request-id", "Location", "Date"])
header_values = st.sampled_from([fuzz_flows.TOKEN, "7", "Fri, 02 Jan 2026 03:04:35 GMT"]) | st.text(max_size=40)

words = st.sampled_from(["call", "stream", "queued", "in-progress", "stopped", "completed", fuzz_flows.TOKEN])
uris = st.sampled_from(["/api/laml/x?PageToken=1", "/api/laml/x", "https://example.com/", "//example.com/api/laml/"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=600) | words | uris
records = st.fixed_dictionaries(
    {"sid": words | plain, "status": words | plain},
    optional=dict.fromkeys(("account_sid", "call_sid", "name", "date_updated", "end_time", "to"), words | plain),
)
pages = st.fixed_dictionaries({"calls": st.lists(records | plain, max_size=3)}, optional={"next_page_uri": plain})
problems = st.fixed_dictionaries({}, optional={"code": plain, "message": plain, "more_info": plain})
json_values = records | pages | problems | st.fixed_dictionaries({"errors": st.lists(problems | plain)}) | plain
bodies = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())
responses = st.lists(
    st.builds(response, statuses, bodies, st.dictionaries(header_names, header_values, max_size=3)), max_size=5
)


@settings(max_examples=200)
@given(name=st.sampled_from(list(fuzz_flows.FLOWS)), replies=responses)
@example("start", [response(422, {"message": fuzz_flows.URL_KEY})])
def test_any_responses_end_in_a_result_or_an_error(name, replies):
    fuzz_flows.check_outcome(name, replies)


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.stem)
def test_corpus_example_has_a_valid_outcome(path):
    fuzz_flows.check_outcome(*fuzz_flows.read_example(path.read_bytes()))


def test_corpus_is_read_as_intended():
    def outcome(stem):
        return fuzz_flows.run(*fuzz_flows.read_example((CORPUS / f"{stem}.txt").read_bytes()))

    assert outcome("stopping").result.record["status"] == "queued"
    assert outcome("call_has_ended").result.outcome == "already_ended"
    assert outcome("missing").result.outcome == "missing"
    assert [call["sid"] for call in outcome("two_pages").result] == ["a", "b"]
    assert "returned 429" in str(outcome("rate_limit").error)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_an_example(data):
    name, replies = fuzz_flows.read_example(data)
    assert name in fuzz_flows.FLOWS
    assert all(100 <= reply.status <= 999 for reply in replies)


@pytest.mark.parametrize(
    "error",
    [
        SignalWireResponseError(fuzz_flows.TOKEN, http_status=200),
        SignalWireResponseError("two\nlines", http_status=200),
        SignalWireResponseError("x" * fuzz_flows.MAX_ERROR_LENGTH, http_status=200),
        SignalWireResponseError("quoted in an attribute", http_status=200, request_id=fuzz_flows.TOKEN),
    ],
    ids=["secret", "lines", "long", "attribute"],
)
def test_check_finds_invalid_errors(error):
    with pytest.raises(AssertionError):
        fuzz_flows.check_error(error, secrets=fuzz_flows.SETTINGS.secrets)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"sid": "", "status": "stopped"},
        {"sid": 5, "status": "stopped"},
        dict.fromkeys(fuzz_flows.STREAM_KEYS, "x") | {"date_updated": 5},
        dict.fromkeys(fuzz_flows.STREAM_KEYS, "x") | {"another": "key"},
    ],
)
def test_check_finds_invalid_records(record):
    with pytest.raises((AssertionError, KeyError)):
        fuzz_flows.check_stop(record, "already_ended", may_be_missing=True)
