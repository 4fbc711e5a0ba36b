"""Whatever SignalWire answers, in whatever order, a flow ends in what it promises or in a SignalWireError."""

from __future__ import annotations

import json
from pathlib import Path

import answers
import pytest
from answers import Answer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireResponseError

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())

statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 404, 409, 422, 429, 500, 503]) | st.integers(100, 999)
header_names = st.sampled_from(["Retry-After", "X-Request-Id", "request-id", "Location"])
# aiohttp reads bytes of a header that are not UTF-8 as lone surrogates.
header_values = st.sampled_from([answers.TOKEN, "7", "Fri, 02 Jan 2026 03:04:35 GMT"]) | st.text(max_size=40)

words = st.sampled_from(["call", "stream", "project", "queued", "in-progress", "stopped", "completed", answers.TOKEN])
uris = st.sampled_from(["/api/laml/x?PageToken=1", "/api/laml/x", "https://example.com/", "//example.com/api/laml/"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=600) | words | uris
records = st.fixed_dictionaries(
    {"sid": words | plain, "status": words | plain},
    optional=dict.fromkeys(("account_sid", "call_sid", "name", "date_updated", "end_time", "to"), words | plain),
)
pages = st.fixed_dictionaries({"calls": st.lists(records, max_size=3)}, optional={"next_page_uri": plain})
problems = st.fixed_dictionaries({}, optional={"code": plain, "message": plain, "more_info": plain})
json_values = records | pages | problems | st.fixed_dictionaries({"errors": st.lists(problems | plain)}) | plain
bodies = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())
several_answers = st.lists(
    st.builds(Answer, statuses, st.dictionaries(header_names, header_values, max_size=3), bodies), max_size=5
)


@settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
@given(name=st.sampled_from(list(answers.FLOWS)), given_answers=several_answers)
@example("start with a key", [Answer(422, {}, json.dumps({"message": answers.URL_KEY}).encode())])
def test_any_answers_end_in_a_result_or_an_error(name, given_answers):
    answers.judge(name, given_answers)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_an_example_of_the_corpus_keeps_the_promises(path):
    answers.judge(*answers.read_example(path.read_bytes()))


def outcome(stem):
    """Return what the flow of an example of the corpus ends with."""
    name, given_answers = answers.read_example((Path(__file__).parent / "corpus" / f"{stem}.txt").read_bytes())
    return answers.run(answers.FLOWS[name](), iter(given_answers))


def test_the_corpus_is_read_as_it_is_meant():
    assert outcome("stopping").record["status"] == "queued"
    assert outcome("call_has_ended").how == "already_ended"
    assert outcome("missing").how == "missing"
    assert [call["sid"] for call in outcome("two_pages")] == ["a", "b"]
    assert outcome("start_lost")["status"] == "in-progress"
    with pytest.raises(SignalWireError, match="answered 429") as caught:
        outcome("rate_limit")
    assert caught.value.retry_after == 0


@given(data=st.binary(max_size=200))
@settings(derandomize=True, database=None, deadline=None)
def test_any_bytes_are_an_example(data):
    name, given_answers = answers.read_example(data)
    assert name in answers.FLOWS
    assert given_answers
    assert all(100 <= answer.status <= 999 for answer in given_answers)


texts = st.text(min_size=1, max_size=20)


@settings(derandomize=True, database=None, deadline=None)
@given(
    record=st.fixed_dictionaries(
        {
            **dict.fromkeys(("sid", "account_sid", "status", "uri"), texts),
            "call_sid": st.sampled_from(["call", "CALL"]),
            "name": st.none() | st.just("stream"),
            "date_updated": st.none() | texts,
        }
    )
)
def test_a_record_as_documented_is_the_result_unchanged(record):
    result = answers.run(answers.FLOWS["stop"](), iter([Answer(200, {}, json.dumps(record).encode())]))
    assert (result.record, result.how) == (record, "stopped")
    assert set(result.record) == set(answers.STREAM_KEYS)


@pytest.mark.parametrize(
    "error",
    [
        SignalWireResponseError(answers.TOKEN, http_status=200),
        SignalWireResponseError("two\nlines", http_status=200),
        SignalWireResponseError("x" * answers.LONGEST_ERROR, http_status=200),
        SignalWireResponseError("quoted in an attribute", http_status=200, request_id=answers.TOKEN),
    ],
    ids=["secret", "lines", "endless", "attribute"],
)
def test_the_judge_finds_what_an_error_must_not_be(error):
    with pytest.raises(AssertionError):
        answers.judge_error(error, secrets=answers.SETTINGS.secrets)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"sid": "", "status": "stopped"},
        {"sid": 5, "status": "stopped"},
        dict.fromkeys(answers.STREAM_KEYS, "x") | {"date_updated": 5},
        dict.fromkeys(answers.STREAM_KEYS, "x") | {"another": "key"},
    ],
)
def test_the_judge_finds_what_a_derived_record_must_not_be(record):
    with pytest.raises((AssertionError, KeyError)):
        answers.judge_stop(record, "already_ended", may_be_missing=True)
