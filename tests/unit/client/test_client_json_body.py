"""Which bodies are JSON that a record can be read from."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_signalwire.client.protocol.json_body import decode_json

DEPTH_ALLOWED = 100
TEXTS = st.text(alphabet='[]{}"\\ab', max_size=20)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


def nested(depth, opening, closing):
    return (opening * depth + "1" + closing * depth).encode()


BRACKETS = pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), (' [ \n"]", ', "]")])


@BRACKETS
def test_so_deep_and_no_deeper(opening, closing):
    assert decode_json(nested(DEPTH_ALLOWED, opening, closing)) is not None
    with pytest.raises(ValueError, match="is not valid JSON but cut off or damaged"):
        decode_json(nested(DEPTH_ALLOWED + 1, opening, closing))


def test_what_is_deep_and_has_no_end_is_refused():
    with pytest.raises(ValueError, match="cut off or damaged"):
        decode_json(b'{"a":[' * 500_000)


def test_many_brackets_are_not_deep():
    flat = [{"a": [{}]}] * 10_000
    assert decode_json(json.dumps(flat).encode()) == flat


@given(values=st.lists(VALUES, min_size=1))
def test_brackets_in_texts_do_not_count(values):
    body = [*values, *["[{" * DEPTH_ALLOWED]]
    assert decode_json(json.dumps(body).encode()) == body


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 1_000_000, b'["' + b"[" * 1_000_000, b"\\" * 1_000_000 + b"[" * 200])
def test_a_text_without_end_is_refused_soon(body):
    with pytest.raises(ValueError, match="cut off or damaged"):
        decode_json(body)
