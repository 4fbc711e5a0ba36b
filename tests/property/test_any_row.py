"""Any rows for a batch, from a list or a file of any bytes, are read or refused with their number or line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire.batch.rows import StreamRow, spool_rows
from airflow_provider_signalwire.client.protocol.stream_parents import STREAM_PARENTS
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

sids = st.text(min_size=1, max_size=8) | st.sampled_from(["C1", "S1", "a b", "é", "..", "a.json", ""])
plain = st.none() | st.booleans() | st.integers() | st.floats() | sids
json_values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
parents = st.sampled_from(list(STREAM_PARENTS))
good_rows = st.builds(
    lambda parent, sid, others: {parent: sid, **others},
    parents,
    sids,
    st.fixed_dictionaries({"stream_sid": sids}, optional={"note": json_values}),
)
odd_rows = st.dictionaries(st.sampled_from([*STREAM_PARENTS, "stream_sid", "x"]), json_values) | json_values
json_objects = st.lists(
    good_rows | st.dictionaries(st.sampled_from([*STREAM_PARENTS, "stream_sid", "x"]), json_values), max_size=6
)
other_rows = st.binary() | st.sets(sids) | good_rows.map(MappingProxyType) | st.just(object()) | st.just(10**5000)

MANY_DIGITS = [{"call_sid": 10**5000, "stream_sid": "S1"}]
PROBLEM = re.compile(r"(?:row|line) (\d+)(?: (?:is|has|\(row \d+\))|: Parameter)")


def read(source):
    """Return the rows, or None if they are refused with an error that names the first wrong one."""
    refusal = None
    try:
        with spool_rows(source) as rows:
            read = list(rows)
            counts = rows.requested, rows.unique
    except SignalWireConfigurationError as error:
        refusal = str(error)
    if refusal is not None:
        assert isinstance(source, str) or refusal.isprintable()  # a path is shown as it is
        assert len(refusal) < 5000
        return None, [int(number) for number in PROBLEM.findall(refusal)]
    assert counts[0] >= counts[1] == len(read) == len(set(read))
    assert all(isinstance(row, StreamRow) for row in read)
    return read, []


def as_given(rows):
    parents = [next(parent for name, parent in STREAM_PARENTS.items() if row.get(name)) for row in rows]
    streams = zip(rows, parents, strict=True)
    return list(dict.fromkeys(StreamRow(row[parent.id_name], row["stream_sid"], parent) for row, parent in streams))


def is_invalid(row):
    """Return whether a row is obviously invalid."""
    if not isinstance(row, Mapping) or not isinstance(row.get("stream_sid"), str):
        return True
    return [type(row[name]) for name in STREAM_PARENTS if row.get(name) not in (None, "")] != [str]


@settings(max_examples=80)
@given(rows=st.lists(good_rows | odd_rows | other_rows, max_size=6))
@example(rows=MANY_DIGITS)
def test_any_list_is_read_or_refused(rows):
    accepted, problems = read(rows)
    assert accepted is None or accepted == as_given(rows)
    assert accepted is not None or 1 <= problems[0] <= len(rows)
    wrong = [number for number, row in enumerate(rows, start=1) if is_invalid(row)]
    assert set(wrong) <= set(problems)


@settings(max_examples=80)
@given(source=json_values | st.binary() | st.dictionaries(sids, sids) | st.iterables(odd_rows))
@example(source="unknown://bucket/rows.jsonl")
@example(source="file://\x00")
@example(source="\ud800")
@example(source="http://[")
def test_anything_in_the_place_of_a_list_is_read_or_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a text is the path of a file
    read(source)


@settings(max_examples=60)
@given(rows=json_objects, ascii_only=st.booleans(), end=st.sampled_from(["\n", "\r\n", "\n\n", "\n \n"]))
def test_json_lines_and_array_are_read_as_the_list_would_be(rows, ascii_only, end, tmp_path):
    path = tmp_path / "streams"
    from_list, _ = read(json.loads(json.dumps(rows)))
    lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + end for row in rows)
    for text in (lines, json.dumps(rows, ensure_ascii=ascii_only, indent=1).replace("\n", end)):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        from_file, _ = read(str(path))
        # A lone surrogate is not UTF-8: the file is refused, wherever it is.
        assert from_file == from_list or (from_file is None and not ascii_only)


@settings(max_examples=60)
@given(content=st.binary(max_size=200) | st.lists(st.binary(max_size=20)).map(b"\n".join))
@example(content=b"[" * 100_000)
@example(content=b'{"call_sid": ' + b"1" * 10_000 + b', "stream_sid": "S1"}')
@example(content=b"\xef\xbb\xbf" + b'{"call_sid": "C1", "stream_sid": "S1"}')
def test_file_of_any_bytes_is_read_or_refused(content, tmp_path):
    path = tmp_path / "streams.jsonl"
    path.write_bytes(content)
    read(str(path))


@pytest.mark.parametrize(
    "wrong",
    [None, {}, {"call_sid": "C1", "stream_sid": ".."}, *MANY_DIGITS],
    ids=["nothing", "empty", "dots", "digits"],
)
def test_one_invalid_row_keeps_all_others_from_being_sent(simulator, connection, wrong):
    [call] = simulator.seed(streams=[{"name": "one"}])
    rows = [{"call_sid": call["sid"], "stream_sid": "one"}, wrong]
    operator = StopCallStreamsOperator(task_id="stop", streams=rows, signalwire_conn_id=connection)
    with pytest.raises(SignalWireConfigurationError, match=r"No stream was stopped.* row 2"):
        operator.execute({})
    assert simulator.requests() == []
