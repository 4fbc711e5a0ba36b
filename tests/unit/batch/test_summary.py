"""The counts of a batch."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.batch import summary as batch_summary
from airflow_provider_signalwire.batch.rows import StreamRow
from airflow_provider_signalwire.batch.summary import BatchSummary
from airflow_provider_signalwire.exceptions import (
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireError,
    SignalWireNotFoundError,
)

ROW = StreamRow("C1", "S1")


def with_failures(*errors):
    summary = BatchSummary(20, {"stopped": 2})
    for error in errors:
        summary.add_failure(ROW, error)
    return summary


def not_found(text="not found"):
    return SignalWireNotFoundError(text, http_status=404)


def test_progress_has_all_counts():
    summary = with_failures(not_found(), SignalWireError("away"))
    summary.add_result(ROW, "already_ended", None)
    summary.add_result(ROW, "missing", None)
    assert summary.progress().startswith("6 of 20 streams done: ")
    assert "2 stopped, 1 already ended, 2 missing, 1 failed. 0.0 s, " in summary.progress()


def test_counts_of_an_earlier_try_do_not_raise_the_rate():
    assert BatchSummary(20, {"stopped": 2}).rate == 0


def test_failures_are_listed_up_to_a_cap(monkeypatch):
    monkeypatch.setattr(batch_summary, "MAX_FAILURES_LISTED", 13)
    summary = with_failures(*(not_found(f"failure {number}") for number in range(15)))
    listed = summary.as_dict(requested=25, retries=7)
    assert (len(listed["failures"]), listed["failures_not_listed"], listed["missing"]) == (13, 2, 15)
    assert (listed["requested"], listed["duplicates"], listed["retried_requests"]) == (25, 5, 7)
    assert summary.failures_for_log().splitlines() == [
        *(f"failure {number}" for number in range(10)),
        "… and 5 more.",
    ]


@pytest.mark.parametrize(
    ("errors", "error_class"),
    [
        ([not_found(), not_found()], SignalWireBatchRefusedError),
        ([not_found(), SignalWireError("away")], SignalWireBatchError),
        ([not_found(), KeyError("bug")], SignalWireBatchError),
    ],
)
def test_failures_are_permanent_only_if_all_are(errors, error_class):
    with pytest.raises(SignalWireBatchError, match=r"2 of 20 .*; the log lists them\. The first: not found") as raised:
        with_failures(*errors).raise_for_failures(listed_in="the log")
    assert type(raised.value) is error_class


def test_unexpected_error_is_described_with_its_stream_and_shortened():
    [failure] = with_failures(ValueError("+15551234567" + "x" * 1000)).failures
    shortened = "+***4567" + "x" * 188
    assert failure["message"] == f"Could not stop stream 'S1' on call 'C1': unexpected ValueError: {shortened}"
