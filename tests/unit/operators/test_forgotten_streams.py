"""Which running streams are forgotten: what tests/integration/test_journal_cleanup.py cannot show."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.journal import RunningStream, StreamOwner
from airflow_provider_signalwire.operators.forgotten_streams import ForgottenStream, RunStates, find_forgotten

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stream(sid="MZ1", *, hours=1, run_id="run", **changes):
    values = {
        "account_sid": "AC1",
        "parent_sid": "CA1",
        "stream_sid": sid,
        "name": "bot",
        "started_at": NOW - hours * HOUR,
        "owner": StreamOwner("dag", run_id, "start", -1),
        "outlives_run": False,
    }
    return RunningStream(**{**values, **changes})


def forgotten(*streams, state="running", owner_ended=True, min_age=None):
    found = find_forgotten(streams, now=NOW, run_state=lambda owner: state, owner_ended=owner_ended, min_age=min_age)
    return [each.stream.stream_sid for each in found]


@pytest.mark.parametrize("state", ["running", "queued", "unknown", "a state of a later version"])
def test_stream_of_living_run_is_not_forgotten(state):
    assert forgotten(stream(), state=state) == []


def test_old_stream_is_forgotten_in_any_state_of_its_run():
    streams = [stream("young", hours=1.9), stream("old", hours=2, outlives_run=True), stream("older", hours=3)]
    assert forgotten(*streams, min_age=2 * HOUR) == ["older", "old"]
    assert forgotten(*streams, min_age=2 * HOUR, owner_ended=False, state="success") == ["older", "old"]


def test_oldest_stream_comes_first():
    streams = [stream("b", hours=1), stream("c", hours=3), stream("a", hours=1)]
    assert forgotten(*streams, state="failed") == ["c", "a", "b"]


class ServerError(Exception):
    """What the API server's error looks like in a process that calls it itself, or through its supervisor."""

    def __init__(self, status, *, through_supervisor):
        super().__init__(f"status {status}")
        if through_supervisor:
            self.error = SimpleNamespace(detail={"status_code": status})
        else:
            self.response = SimpleNamespace(status_code=status)


def states_raising(error):
    def ask(dag_id, run_id):
        raise error

    return RunStates(ask)


@pytest.mark.parametrize("through_supervisor", [False, True])
def test_deleted_run_counts_as_ended(through_supervisor, caplog):
    states = states_raising(ServerError(404, through_supervisor=through_supervisor))
    [found] = find_forgotten([stream()], now=NOW, run_state=states, owner_ended=True, min_age=None)
    assert found.owner_state == "deleted"
    assert caplog.records == []


@pytest.mark.parametrize(
    "error",
    [ServerError(500, through_supervisor=True), ServerError(403, through_supervisor=False), OSError("connection lost")],
    ids=repr,
)
def test_run_whose_state_is_unknown_counts_as_alive(error, caplog):
    streams = [stream("a"), stream("b")]
    found = find_forgotten(streams, now=NOW, run_state=states_raising(error), owner_ended=True, min_age=None)
    assert found == []
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "state of run 'run' of DAG 'dag'" in record.getMessage()
    assert "counts as alive" in record.getMessage()


def test_airflow_is_asked_once_for_each_run():
    asked = []

    def ask(dag_id, run_id):
        asked.append((dag_id, run_id))
        return "success"

    streams = [stream(str(number), run_id=f"run{number % 2}") for number in range(10)]
    assert len(find_forgotten(streams, now=NOW, run_state=RunStates(ask), owner_ended=True, min_age=None)) == 10
    assert sorted(asked) == [("dag", "run0"), ("dag", "run1")]


def test_description_names_stream_age_and_owner():
    owner = StreamOwner("dag", "manual__2026-06-01T10:00:00", "start", 3)
    found = ForgottenStream(stream(owner=owner, name="for +15551234567"), timedelta(hours=2, seconds=5.4), "failed")
    assert found.describe() == (
        "stream 'MZ1' ('for +***4567') on call 'CA1', started 2:00:05 ago by task 'start'[3] of DAG 'dag', run "
        "'manual__2026-06-01T10:00:00' (failed)"
    )


def test_description_says_if_only_the_start_is_known():
    found = ForgottenStream(stream("bot"), HOUR, "failed")
    assert found.describe().startswith(
        "stream 'bot' on call 'CA1', possibly started 1:00:00 ago by task 'start' of DAG"
    )
