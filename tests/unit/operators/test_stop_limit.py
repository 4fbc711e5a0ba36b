"""How many streams a cleanup may stop, before and after a person was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_signalwire.exceptions import SignalWireBatchRefusedError
from airflow_provider_signalwire.journal import RunningStream, StreamOwner
from airflow_provider_signalwire.operators.forgotten_streams import ForgottenStream
from airflow_provider_signalwire.operators.journal_search import JournalSearch
from airflow_provider_signalwire.operators.stop_limit import StopLimit

APPROVED = frozenset({("CA", "MZ0"), ("CA", "MZ1"), ("CA", "gone")})


def search(count):
    owner = StreamOwner("dag", "run", "start", -1)
    streams = [RunningStream("AC", "CA", f"MZ{n}", None, datetime(2026, 1, 1, tzinfo=UTC), owner) for n in range(count)]
    return JournalSearch(count, 0, [ForgottenStream(stream, timedelta(hours=1), "failed") for stream in streams])


class Question:
    def ask_about_streams(self, search, problem):
        raise InterruptedError(problem)


@pytest.mark.parametrize(
    ("limit", "stopped", "max_accepted"),
    [
        (StopLimit(3), 3, 3),
        (StopLimit(4), 3, 4),
        (StopLimit(None), 3, None),
        (StopLimit(1, approved_streams=APPROVED), 2, 3),  # by name, one more
        (StopLimit(None, approved_streams=APPROVED), 2, None),
        (StopLimit(3, are_names_approved=True), 3, None),
    ],
)
def test_streams_within_the_limit_are_stopped(limit, stopped, max_accepted):
    allowed = limit.apply(search(3))
    assert [found.stream.stream_sid for found in allowed.forgotten] == [f"MZ{number}" for number in range(stopped)]
    assert limit.max_accepted(allowed) == max_accepted


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        (StopLimit(2), SignalWireBatchRefusedError),
        (StopLimit(2, Question()), InterruptedError),
        (StopLimit(2, are_names_approved=True), SignalWireBatchRefusedError),
    ],
)
def test_above_the_limit_a_person_is_asked_or_the_task_fails(limit, error):
    with pytest.raises(error, match=r"lists 3 forgotten streams, more than 'max_stops' \(2\)"):
        limit.apply(search(3))


def test_lists_of_streams_are_limited(caplog):
    caplog.set_level("INFO")
    found = search(1002)
    listed = found.listed()
    assert (len(listed["forgotten"]), listed["forgotten_not_listed"]) == (1000, 2)
    found.log_forgotten(is_dry_run=False)
    assert caplog.text.count("Stopping stream 'MZ") == 1000
    *lines, last = found.describe_first().splitlines()
    assert (len(lines), last) == (10, "* … and 992 more")
    assert "more" not in search(10).describe_first()
