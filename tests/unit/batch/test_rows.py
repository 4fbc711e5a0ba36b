"""Rows of streams: every source and format, and how invalid ones are reported."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from types import MappingProxyType

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_signalwire.batch import rows as batch_rows
from airflow_provider_signalwire.batch.rows import StreamRow, spool_rows
from airflow_provider_signalwire.client.protocol.stream_parents import CONFERENCE
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError

SID = "6c2787ad-6d5c-4d52-b369-97def9f16253"
ROWS = [{"call_sid": "C1", "stream_sid": "S1"}, {"call_sid": "C1", "stream_sid": "é 2"}]
EXPECTED = [StreamRow("C1", "S1"), StreamRow("C1", "é 2")]
JSON_LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def read(source):
    with spool_rows(source) as rows:
        return list(rows)


def fingerprint(source):
    with spool_rows(source) as rows:
        return rows.fingerprint


@pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_iterable_is_read_once(make):
    with spool_rows(make(ROWS)) as rows:
        assert list(rows) == list(rows) == EXPECTED


FORMATS = {
    "json lines": JSON_LINES.encode(),
    "blank lines": JSON_LINES.replace("\n", "\n \n\n").encode(),
    "utf-8 mark and crlf": JSON_LINES.replace("\n", "\r\n").encode("utf-8-sig"),
    "utf-16 with mark": JSON_LINES.encode("utf-16"),
    "utf-16-le": JSON_LINES.encode("utf-16-le"),
    "utf-16-be": JSON_LINES.encode("utf-16-be"),
    "array": json.dumps(ROWS).encode(),
    "indented array in utf-16": json.dumps(ROWS, indent=2).replace("\n", "\r\n").encode("utf-16"),
    "csv": "call_sid,stream_sid\nC1,S1\nC1,é 2\n".encode(),
    "quotes, crlf": 'Note;"STREAM_SID"; call_sid\r\n"a;\r\nb";S1;C1\r\n\r\n;"é 2";C1\r\n'.encode("utf-8-sig"),
    "tabs in utf-16": "sid\tcall_sid\nS1\tC1\né 2\tC1\n".encode("utf-16"),
}


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("chunk_bytes", [7, 1024])
def test_file_is_read_in_every_format(content, chunk_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_rows, "_CHUNK_BYTES", chunk_bytes)
    path = tmp_path / "streams"
    path.write_bytes(content)
    for source in (str(path), path, ObjectStoragePath(str(path))):
        assert read(source) == EXPECTED


@pytest.mark.parametrize("text", [json.dumps(ROWS), f"\n  {json.dumps(ROWS, indent=1)} ", JSON_LINES, "[]", " [ ] "])
def test_rendered_json_is_read(text):
    assert read(text) == (EXPECTED if "S1" in text else [])


def test_record_of_a_started_stream_is_read():
    record = {"sid": "S1", "account_sid": "A", "call_sid": "C1", "name": None, "status": "in-progress"}
    assert read([record, {**record, "stream_sid": "é 2"}]) == EXPECTED


@pytest.mark.parametrize(
    "source",
    [
        [{"conference_sid": "C1", "stream_sid": "S1"}, *ROWS],
        [{"conference_sid": "C1", "sid": "S1", "name": None}, *ROWS],
        [{"conference_sid": "C1", "call_sid": None, "stream_sid": "S1"}, *ROWS],
        "call_sid,conference_sid,stream_sid\n,C1,S1\nC1,,S1\nC1,,é 2\n",
        "conference_sid;sid;call_sid\nC1;S1;\n;S1;C1\n;é 2;C1\n",
    ],
    ids=str,
)
def test_row_of_a_conference_is_read_beside_those_of_calls(source, tmp_path):
    if isinstance(source, str):
        (tmp_path / "streams").write_text(source, "utf-8")
        source = tmp_path / "streams"
    assert read(source) == [StreamRow("C1", "S1", CONFERENCE), *EXPECTED]


@pytest.mark.parametrize("in_file", [False, True])
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path, monkeypatch, in_file):
    monkeypatch.setattr(batch_rows, "_CHUNK_BYTES", 1024)

    def peak(number):
        rows = ({"call_sid": f"C{index}", "stream_sid": "S"} for index in range(number))
        if in_file:
            (tmp_path / "streams").write_text("\n".join(map(json.dumps, rows)), "utf-8")
        tracemalloc.start()
        try:
            with spool_rows(tmp_path / "streams" if in_file else rows):
                return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is imported once
    assert peak(10_000) < 1.5 * peak(1_000)


def test_rows_may_be_any_mappings():
    assert read([MappingProxyType(row) for row in ROWS]) == EXPECTED


def test_duplicates_are_read_once_in_order():
    with spool_rows([ROWS[1], *ROWS, ROWS[1]]) as rows:
        assert (rows.requested, rows.unique, list(rows)) == (4, 2, EXPECTED[::-1])


def test_fingerprint_depends_on_the_unique_rows_alone(tmp_path):
    path = tmp_path / "streams.jsonl"
    path.write_text(JSON_LINES, "utf-8")
    assert fingerprint(ROWS) == fingerprint(iter([*ROWS, ROWS[0]])) == fingerprint(str(path))
    conference = {"conference_sid": "C1", "stream_sid": "S1"}
    others = [ROWS[::-1], ROWS[:1], [{"call_sid": "C1S", "stream_sid": "1"}, ROWS[1]], [conference, ROWS[1]]]
    assert len({fingerprint(rows) for rows in [ROWS, *others]}) == 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("C1/S1", "row 2 is 'C1/S1': expected {'call_sid'"),
        (None, "row 2 is None"),
        ({"stream_sid": "S1"}, "row 2 has neither 'call_sid' nor 'conference_sid', but ['stream_sid']"),
        ({"call_sid": "C1", "conference_sid": "F1", "stream_sid": "S1"}, "row 2 has both 'call_sid' and"),
        ({"call_sid": "None", "conference_sid": "F1", "stream_sid": "S1"}, "row 2 has both 'call_sid' and"),
        ({"call_sid": "", "conference_sid": None, "stream_sid": "S1"}, "row 2: Parameter 'conference_sid' is None"),
        ({"conference_sid": "F1"}, "row 2 has no 'stream_sid', but ['conference_sid']"),
        ({"conference_sid": " F1", "stream_sid": "S1"}, "row 2: Parameter 'conference_sid' is ' F1'"),
        ({"call_sid": "C1", "token": "secret-value"}, "row 2 has no 'stream_sid', but ['call_sid', 'token']"),
        ({"call_sid": "", "stream_sid": "S1"}, "row 2: Parameter 'call_sid' is ''"),
        ({"call_sid": "C1", "stream_sid": "a\tb"}, "row 2: Parameter 'stream_sid' is 'a\\tb'"),
        ({"call_sid": SID, "stream_sid": "a\tb"}, "row 2: Parameter 'stream_sid' is 'a\\tb'"),
        ({"call_sid": " C1", "stream_sid": SID}, "row 2: Parameter 'call_sid' is ' C1'"),
        ({"call_sid": "C1", "sid": 7}, "row 2: Parameter 'sid' is the number 7"),
        (["+15551234567"], "row 2 is ['+***4567']"),
    ],
    ids=repr,
)
def test_invalid_row_is_named_without_its_secrets(row, message):
    with pytest.raises(SignalWireConfigurationError) as raised:
        read([ROWS[0], row, ROWS[1]])
    assert str(raised.value).startswith("No stream was stopped: these rows of 'streams' are invalid: ")
    assert message in str(raised.value)
    assert "secret-value" not in str(raised.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*JSON_LINES.splitlines(), "{'call_sid': 'C1', 'stream_sid': 'S1'}"], "line 3 is not JSON: single quotes"),
        (["", JSON_LINES.split("\n")[0], '{"call_sid": "C1", "str'], "line 3 is not JSON: truncated"),
        (['{"call_sid": None, "stream_sid": "S1"}'], "line 1 is not JSON: None is Python"),
        (['{"call_sid": "C1", "stream_sid": "S1"},'], "line 1 is not JSON: text after the object, in column 39"),
        (['{"call_sid": "C1" "stream_sid": "S1"}'], "line 1 is not JSON: expecting ',' delimiter in column 19"),
        (['{"a": ' + "[" * 100_000], "line 1 is not JSON: nested too deeply"),
        (['{"a": ' + "1" * 10_000 + "}"], "line 1 is not JSON: a number has too many digits"),
        (["[", json.dumps(ROWS[0]) + ",", "{'call_sid': 'C1'}]"], "line 3 is not JSON: single quotes"),
        ([f"[{json.dumps(ROWS[0])},", "]"], "line 2 is not JSON: expecting value in column 1"),
        (["[", json.dumps(ROWS[0])], "line 2 is not JSON: ',' or ']' expected after a row"),
        (["[", json.dumps(ROWS[0]) + "]", "x"], "line 3 is not JSON: text after the closing ']'"),
        (["[", json.dumps(ROWS[0]) + ', {"call_sid": "C1"}]'], "line 2 (row 2) has no 'stream_sid'"),
        (["C1/S1"], "line 1 is not readable: expected JSON, or a CSV header with 'call_sid' or 'conference_sid', and"),
        (["stream_sid,call_sid,Call_SID", "S1,C1,C2"], "line 1 has the column 'call_sid' more than once"),
        (["", "call_sid,stream_sid", "C1,S1,x"], "line 3 is not CSV: 3 fields where the header has 2"),
        (["call_sid,stream_sid", "C1,S1", 'C1,"S1'], "line 3 is not CSV: unbalanced quotes"),
        (["call_sid,stream_sid", "", "C1,"], "line 3: Parameter 'stream_sid' is ''"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_unreadable_line_is_named(lines, message, tmp_path):
    path = tmp_path / "streams.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(SignalWireConfigurationError) as raised:
        read(str(path))
    assert f"these rows of '{path}' are invalid: {message}" in str(raised.value)


def test_other_encoding_is_named(tmp_path):
    path = tmp_path / "streams.jsonl"
    path.write_bytes(JSON_LINES.encode("cp1252"))
    with pytest.raises(SignalWireConfigurationError, match=r"line 2 is not UTF-8: save the file as UTF-8 \(Windows"):
        read(path)


def test_compressed_file_is_refused(tmp_path):
    path = tmp_path / "streams.csv.gz"
    path.write_bytes(gzip.compress(JSON_LINES.encode()))
    with pytest.raises(SignalWireConfigurationError, match="line 1 is not text: decompress the file"):
        read(path)


def test_ten_problems_are_named_and_none_is_long():
    for source in ([["x" * 10_000]] * 50, f"[{', '.join(['7'] * 50)}]"):
        with pytest.raises(SignalWireConfigurationError) as raised:
            read(source)
        assert str(raised.value).count(": expected") == 10
        assert len(str(raised.value)) < 3000


@pytest.mark.parametrize(
    ("source", "message"),
    [
        *((source, "An upstream task may have returned nothing") for source in (None, "None", "", " ")),
        *((source, "Parameter 'streams' is of type") for source in (7, ROWS[0], b"C1")),
        *((path, f"'{path}' of 'streams'") for path in ("/nowhere/streams.jsonl", "/tmp")),
        ("unknown://bucket/rows", "bucket/rows' of 'streams'"),  # Airflow 2 adds a slash to the scheme
        *((path, "'streams'") for path in ("file://\x00", "http://[")),
        (str(ROWS), r"line 1 is not JSON: single quotes\..* filter 'tojson'"),
    ],
    ids=str,
)
def test_other_source_is_refused(source, message):
    with pytest.raises(SignalWireConfigurationError, match=message):
        read(source)


class BreakingFile(io.BytesIO):
    """A file on an object store whose connection breaks after the first read."""

    error = None

    def __str__(self):
        return "s3://key:p4ssw0rd@bucket/streams.jsonl"

    def open(self, mode):
        return self

    def read(self, size):
        if content := super().read(size):
            return content
        raise self.error


@pytest.mark.parametrize(
    "error", [ConnectionResetError("reset p4ssw0rd"), RuntimeError("slow down p4ssw0rd")], ids=repr
)
def test_transient_read_error_is_retriable_and_keeps_secrets(error):
    file = BreakingFile(JSON_LINES.encode())
    file.error = error
    with pytest.raises(SignalWireError, match=r"Could not read the file 's3://key:\*\*\*@bucket.* A retry") as raised:
        read(file)
    assert not isinstance(raised.value, AirflowFailException)
    assert "p4ssw0rd" not in str(raised.value)
