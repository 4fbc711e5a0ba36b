"""Which bodies are read, and which of their values Airflow can store."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_signalwire.client.protocol.json_body import check_storable, decode_json

MAX_DEPTH = 100
RESERVED = ["__classname__", "__version__", "__data__", "__id__", "__cache__", "__type", "__source", "__var"]
NOT_STORABLE = [2**64, -(2**63) - 1, 10**399, "a\0b", "\ud800", "\udfff!"]

brackets = st.text(alphabet='[]{}"\\ab', max_size=20)
texts = st.text(max_size=5) | st.sampled_from(["__class__", "__airflow", *RESERVED, "\ud800", "\0"])
numbers = (
    st.integers(-(2**65), 2**65)
    | st.sampled_from([-(2**63), 2**64 - 1])
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    texts | numbers | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def nested(depth, opening, closing):
    return (opening * depth + "1" + closing * depth).encode()


class TestDecodeJson:
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), (' [ \n"]", ', "]")])
    def test_depth_is_limited(self, opening, closing):
        assert decode_json(nested(MAX_DEPTH, opening, closing)) is not None
        with pytest.raises(ValueError, match=r"is not valid JSON \(truncated or corrupt\)"):
            decode_json(nested(MAX_DEPTH + 1, opening, closing))

    def test_many_brackets_are_not_deep(self):
        flat = [{"a": [{}]}] * 10_000
        assert decode_json(json.dumps(flat).encode()) == flat

    @given(strings=st.lists(brackets, min_size=1))
    def test_brackets_in_strings_do_not_count(self, strings):
        body = [*strings, *["[{" * MAX_DEPTH]]
        assert decode_json(json.dumps(body).encode()) == body

    @pytest.mark.parametrize(
        "body", [b'{"a":[' * 500_000, b'"' + b'\\"' * 10**6, b'["' + b"[" * 10**6, b"\\" * 10**6 + b"[" * 200]
    )  # fmt: skip
    def test_truncated_megabytes_are_refused_soon(self, body):
        with pytest.raises(ValueError, match="truncated or corrupt"):
            decode_json(body)

    @pytest.mark.parametrize("body", [b"NaN", b"-Infinity", b'{"n": NaN}', b"\xff", b'"\xc3"', b"1" * 10 + b"x"])
    def test_invalid_json_is_refused(self, body):
        with pytest.raises(ValueError, match="truncated or corrupt"):
            decode_json(body)

    def test_byte_order_mark_is_ignored(self):
        assert decode_json(b'\xef\xbb\xbf {"a": "\xc3\xa4"}') == {"a": "ä"}


@pytest.fixture(scope="module")
def airflow_can_store():
    """Return whether a value passes unchanged through XCom, trigger rows, and the messages between processes."""
    serde = pytest.importorskip("airflow.sdk.serde", reason="Airflow before 3.2 serializes in another place")
    messages = pytest.importorskip("msgspec").msgpack
    xcom = pytest.importorskip("airflow.api_fastapi.core_api.datamodels.xcom")

    def can_store(value):
        try:
            xcom._check_forbidden_xcom_keys(value)
            stored = json.loads(json.dumps(serde.serialize(value), allow_nan=False, ensure_ascii=False).encode())
            passed_on = messages.decode(messages.encode(value))
        except (AttributeError, ImportError, OverflowError, TypeError, ValueError):
            return False
        # PostgreSQL, which is not asked here, has no NUL in JSON.
        return serde.deserialize(stored) == passed_on == value and "\\u0000" not in json.dumps(value)

    return can_store


class TestCheckStorable:
    @given(value=values)
    @example(value={"sid": 2**64})
    @example(value={"a": [{"__type": "dict", "__var": 5}]})
    def test_accepts_exactly_what_airflow_can_store(self, airflow_can_store, value):
        value = decode_json(json.dumps(value).encode())  # joins surrogates
        try:
            check_storable(value)
        except ValueError:
            assert not airflow_can_store(value)
        else:
            assert airflow_can_store(value)

    @pytest.mark.parametrize("key", RESERVED)
    def test_refuses_every_reserved_key(self, airflow_can_store, key):
        value = {"sid": "s", "new": [{key: 1}]}
        with pytest.raises(ValueError, match=f"has the key '{key}', which Airflow cannot store"):
            check_storable(value)
        assert not airflow_can_store(value)

    def test_knows_every_key_that_this_airflow_reserves(self):
        shared = pytest.importorskip("airflow._shared.serialization", reason="Airflow before 3.2 has no such list")
        if hasattr(shared, "FORBIDDEN_XCOM_KEYS"):
            assert set(RESERVED) == shared.FORBIDDEN_XCOM_KEYS

    @pytest.mark.parametrize("value", NOT_STORABLE, ids=ascii)
    def test_refuses_a_value_anywhere_in_a_record(self, airflow_can_store, value):
        for record in ({"n": value}, {"list": [[value]]}, *([{value: 1}] if isinstance(value, str) else [])):
            with pytest.raises(ValueError, match="that Airflow cannot store"):
                check_storable(record)
            assert not airflow_can_store(record)

    @pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 401, b"-" + b"1" * 5000])
    def test_refuses_numbers_that_python_cannot_hold(self, number):
        with pytest.raises(ValueError, match="does not fit into 64 bits"):
            check_storable(decode_json(b'{"n": ' + number + b"}"))

    def test_accepts_the_deepest_value_that_is_decoded(self, airflow_can_store):
        value = decode_json(nested(MAX_DEPTH, '{"a":', "}"))
        check_storable(value)
        assert airflow_can_store(value)
