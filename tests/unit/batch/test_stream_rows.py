"""Rows of streams: every way to give them, and every row that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_signalwire.batch.rows import StreamRow, StreamRows, distinct
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

ROWS = [{"call_sid": "C1", "stream_sid": "S1"}, {"call_sid": "C1", "stream_sid": "S 2"}]
EXPECTED = [StreamRow("C1", "S1"), StreamRow("C1", "S 2")]


@pytest.fixture
def file_of_rows(tmp_path: Path) -> Path:
    path = tmp_path / "streams.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "\n")
    return path


@pytest.mark.parametrize(
    "source", [ROWS, tuple(ROWS), iter(ROWS), (row for row in ROWS)], ids=["list", "tuple", "iterator", "generator"]
)
def test_rows_of_an_iterable_can_be_gone_through_twice(source: object) -> None:
    rows = StreamRows(source)
    assert rows.check()[:2] == (2, 2)
    assert list(rows) == EXPECTED


def test_rows_of_a_file(file_of_rows: Path) -> None:
    for source in (str(file_of_rows), ObjectStoragePath(str(file_of_rows)), file_of_rows):
        rows = StreamRows(source)
        assert rows.check()[:2] == (2, 2)
        assert list(rows) == EXPECTED


def test_file_that_is_not_there() -> None:
    with pytest.raises(SignalWireConfigurationError, match=r"/nowhere/streams\.jsonl cannot be read"):
        StreamRows("/nowhere/streams.jsonl").check()


def test_empty_list_is_fine() -> None:
    assert StreamRows([]).check()[:2] == (0, 0)


def test_duplicates_come_once() -> None:
    rows = StreamRows([*ROWS, ROWS[0], ROWS[1], ROWS[0]])
    assert rows.check()[:2] == (5, 2)
    assert list(distinct(rows)) == EXPECTED


def test_fingerprint_tells_one_input_from_another() -> None:
    fingerprint = StreamRows(ROWS).check().fingerprint
    assert StreamRows(iter(ROWS)).check().fingerprint == fingerprint
    assert StreamRows([*ROWS, ROWS[0]]).check().fingerprint == fingerprint
    assert StreamRows(ROWS[::-1]).check().fingerprint != fingerprint
    joined = [{"call_sid": "C1S", "stream_sid": "1"}, ROWS[1]]
    assert StreamRows(joined).check().fingerprint != fingerprint


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("C1/S1", r"Row 2 is 'C1/S1'"),
        (None, r"Row 2 is None"),
        (["C1", "S1"], r"Row 2 is \['C1', 'S1'\]"),
        ({"stream_sid": "S1"}, r"Row 2 has no 'call_sid'"),
        ({"call_sid": "C1"}, r"Row 2 has no 'stream_sid'"),
        ({"call_sid": "", "stream_sid": "S1"}, r"Row 2: Parameter 'call_sid' is ''"),
        ({"call_sid": "C1", "stream_sid": ".."}, r"Row 2: Parameter 'stream_sid' is '\.\.'"),
        ({"call_sid": "C1", "stream_sid": 7}, r"Row 2: Parameter 'stream_sid' is the number 7"),
    ],
)
def test_wrong_row_is_named_by_its_number(row: object, message: str) -> None:
    with pytest.raises(SignalWireConfigurationError, match=f"Nothing was stopped.*{message}"):
        StreamRows([ROWS[0], row, ROWS[1]]).check()


def test_line_that_is_no_json_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "streams.jsonl"
    path.write_text(json.dumps(ROWS[0]) + '\n{"call_sid": "C1", "str\n')
    with pytest.raises(SignalWireConfigurationError, match="Row 2 is"):
        StreamRows(str(path)).check()


def test_only_the_first_wrong_rows_are_named() -> None:
    with pytest.raises(SignalWireConfigurationError) as raised:
        StreamRows([None] * 50).check()
    assert str(raised.value).count("Row ") == 10


def test_long_row_is_shortened() -> None:
    with pytest.raises(SignalWireConfigurationError) as raised:
        StreamRows(["x" * 10_000]).check()
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("source", [None, 7, {"call_sid": "C1", "stream_sid": "S1"}, b"C1"], ids=str)
def test_what_is_no_list_of_rows(source: object) -> None:
    with pytest.raises(SignalWireConfigurationError, match="Parameter 'streams' is a"):
        StreamRows(source)
