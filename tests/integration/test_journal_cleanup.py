"""Cleanup by journal in real Airflow: forgotten streams are stopped, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow_features import skip_without_journal
from simulated import running

from airflow_provider_signalwire import journal_events
from airflow_provider_signalwire.journal import StreamEvent, to_extra
from airflow_provider_signalwire.simulator.compatibility import endpoints
from airflow_provider_signalwire.simulator.server import SimulatorServer

skip_without_journal(module=True)

MONTH = 30 * 24 * 3600

pytestmark = pytest.mark.usefixtures("connection", "database", "intent_entries")


@pytest.fixture
def clean_up(run_dag: Any) -> Callable[..., dict[str, Any]]:
    def run(dag_id: str = "journal_cleanup_streams", **params: Any) -> dict[str, Any]:
        result = run_dag(dag_id, **{"dry_run": False, "min_stream_age": MONTH, **params})
        assert result.tasks == {"clean_up": ("success", 1)}
        return result.results["clean_up"]

    return run


def writes(simulator: SimulatorServer) -> int:
    return len(simulator.requests("/Streams/"))


def test_streams_of_ended_runs_are_stopped_once(simulator, start, start_by_dag, clean_up, database):
    [by_dag, other], _ = start_by_dag(2)
    [failed], run_id = start(state="failed", hours=2, name="for +15551234567")
    [deleted], run_of_deleted = start()
    database("DELETE FROM dag_run WHERE run_id = ?", run_of_deleted)
    [alive], run_of_alive = start(state="running")
    [queued], _ = start(state="queued")

    summary = clean_up()
    assert (summary["running"], summary["stopped"]) == (6, 4)
    found = {stream["stream_sid"]: stream for stream in summary["forgotten"]}
    states = {by_dag: "success", other: "success", failed: "failed", deleted: "deleted"}
    assert {sid: stream["run_state"] for sid, stream in found.items()} == states
    assert 7200 <= found[failed].pop("age_seconds") < 7260
    assert found[failed].pop("call_sid")
    owner = {"dag_id": "journal_start", "run_id": run_id, "task_id": "start", "map_index": 0, "run_state": "failed"}
    assert found[failed] == {"stream_sid": failed, "name": "for +***4567", **owner}
    assert set(running(simulator)) == {alive, queued}
    sent = writes(simulator)

    summary = clean_up()
    assert (summary["running"], summary["stopped"], summary["forgotten"]) == (2, 0, [])
    assert writes(simulator) == sent

    database("UPDATE dag_run SET state = 'success' WHERE run_id = ?", run_of_alive)
    assert clean_up()["stopped"] == 1
    assert running(simulator) == [queued]


def test_streams_of_calls_and_of_conferences_are_cleaned_up_alike(simulator, start, run_dag, clean_up):
    conferences = [one["sid"] for one in simulator.seed_conferences(count=2)]
    for conference in conferences:
        run_dag("journal_start_conference", conference_sid=conference)
    simulator.state.end_call(conferences[1])
    start(1)
    summary = clean_up()
    assert (summary["running"], summary["stopped"], summary["already_ended"]) == (3, 2, 1)
    named = [found["conference_sid"] for found in summary["forgotten"] if "conference_sid" in found]
    assert named == conferences
    assert running(simulator) == []
    assert clean_up()["running"] == 0


def test_stream_restarted_under_the_same_name_is_left_alone(simulator, start, clean_up):
    [old], _ = start(1, state="failed")
    [call] = {stream["call_sid"] for stream in simulator.state.snapshot()["streams"]}
    endpoints.stop_stream(simulator.state, simulator.project, call, old, {"Status": "stopped"})
    form = {"Url": "wss://bot.example.com/", "Name": "bot"}
    new = endpoints.start_stream(simulator.state, simulator.project, call, form)["sid"]
    clean_up()
    assert running(simulator) == [new]


def test_missing_streams_are_removed_from_the_journal(simulator, start, clean_up):
    start(2)
    simulator.reset(answer_delay_ms=0, stop_delay_ms=0)
    summary = clean_up()
    assert summary["missing"] == 2
    assert clean_up()["running"] == 0


def test_stream_that_outlives_its_run_is_stopped_by_age_only(simulator, start, clean_up):
    sids, _ = start(outlives=True, hours=2)
    assert clean_up()["stopped"] == 0
    assert clean_up(min_stream_age=3 * 3600)["stopped"] == 0
    assert running(simulator) == sids
    assert clean_up(min_stream_age=3600)["stopped"] == 1


def test_dry_run_sends_nothing_and_writes_no_event(simulator, start, clean_up, database):
    [sid], run_id = start(state="failed")
    [[events]] = database("SELECT count(*) FROM asset_event")
    found = clean_up(dry_run=True)
    [listed] = found["would_stop"]
    shown = [listed[key] for key in ("stream_sid", "name", "run_id", "run_state")]
    assert shown == [sid, "bot", run_id, "failed"]
    assert "stopped" not in found
    assert writes(simulator) == 0
    assert database("SELECT count(*) FROM asset_event") == [(events,)]
    assert clean_up()["stopped"] == 1


def test_above_the_limit_nothing_is_sent(simulator, run_dag, start):
    start(6)
    run = run_dag("journal_cleanup_streams", dry_run=False, min_stream_age=MONTH)
    assert run.tasks == {"clean_up": ("failed", 1)}
    assert writes(simulator) == 0
    assert len(running(simulator)) == 6


def test_journal_that_no_other_dag_mentions_is_empty(simulator, start, clean_up):
    start()
    summary = clean_up("journal_cleanup_unmentioned")
    assert (summary["running"], summary["stopped"]) == (0, 0)
    assert writes(simulator) == 0


def test_stream_found_both_ways_is_stopped_once(simulator, start, clean_up):
    [journaled], _ = start()
    simulator.seed(age_seconds=3600, streams=[{"name": "bot"}])
    summary = clean_up("journal_cleanup_both_ways")
    assert (summary["stopped"], summary["calls"], summary["requested"]) == (2, 2, 2)
    assert running(simulator) == []
    assert sorted(request["path"].rpartition("/")[2] for request in simulator.requests("/Streams/")) == sorted(
        [journaled, "bot"]
    )


@pytest.fixture
def lose_event(database: Any) -> Callable[[], None]:
    """Delete all events, as if the tasks had been killed before Airflow wrote them."""
    if not database("SELECT 1 FROM sqlite_master WHERE name = 'asset_state_store'"):
        pytest.skip("Airflow 3.3 is needed")
    return lambda: database("DELETE FROM asset_event")


def test_start_without_event_is_stopped_by_name_until_it_succeeds(
    simulator, start_by_dag, run_dag, clean_up, lose_event, make_connection
):
    start_by_dag(state="failed")
    [alive], _ = start_by_dag(state="running", name="other")
    lose_event()
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([{"match": {"method": "POST"}, "kind": "status", "status": 503, "times": 1}])
    run = run_dag("journal_cleanup_streams", dry_run=False, min_stream_age=MONTH)
    assert run.tasks == {"clean_up": ("failed", 1)}

    [found] = clean_up()["forgotten"]
    assert (found["stream_sid"], found["name"], found["run_state"]) == ("bot", "bot", "failed")
    assert running(simulator) == [alive]
    sent = writes(simulator)
    assert clean_up()["forgotten"] == []
    assert writes(simulator) == sent


def test_start_without_event_that_outlives_its_run_is_stopped_by_age_only(
    simulator, start_by_dag, clean_up, lose_event
):
    start_by_dag(outlives=True)
    lose_event()
    assert clean_up()["stopped"] == 0
    assert clean_up(min_stream_age=0)["stopped"] == 1


def test_recorded_starts_are_removed_when_their_events_are_there(start_by_dag, clean_up, database, lose_event):
    start_by_dag(2)
    start_by_dag(state="running")
    clean_up()
    rows = database("SELECT value FROM asset_state_store WHERE key LIKE 'signalwire_starts_%'")
    left = [json.loads(value)["starts"] for [value] in rows]
    assert [start for starts in left for start in starts] == []


@pytest.mark.parametrize(
    "groups",
    [[1] * 9, [1] * 10, [1] * 11, [1] * 8 + [4] + [1] * 8 + [5, 1], [1, 21, 1]],
    ids=["below a page", "a page", "above a page", "same time across pages", "more than a page at the same time"],
)
def test_every_event_is_read_whatever_page_it_is_on(start, clean_up, database, monkeypatch, groups):
    monkeypatch.setattr(journal_events, "_MIN_PAGE_SIZE", 10)
    monkeypatch.setattr(journal_events, "_MAX_PAGE_SIZE", 10)
    start(state="running")
    [[asset]] = database("SELECT id FROM asset WHERE name = 'streams'")
    now, events = datetime.now(UTC), []
    for minutes, size in enumerate(groups):
        at = now - timedelta(minutes=minutes)
        for _ in range(size):
            event = StreamEvent("started", "other project", "call", str(len(events)), None, at)
            events.append([json.dumps(to_extra([event])), str(at.replace(tzinfo=None))])
    database(
        "INSERT INTO asset_event (asset_id, extra, source_map_index, timestamp) "
        "SELECT ?, value ->> 0, -1, value ->> 1 FROM json_each(?)",
        *(asset, json.dumps(events)),
    )
    summary = clean_up(dry_run=True)
    assert (summary["running"], summary["other_projects"]) == (1, sum(groups))


def test_second_cleanup_reads_only_new_events(simulator, start, clean_up, database):
    _, run_id = start(state="running")
    clean_up()
    if not database("SELECT 1 FROM sqlite_master WHERE name = 'asset_state_store'"):
        pytest.skip("Airflow 3.3 is needed")
    database("UPDATE dag_run SET state = 'failed' WHERE run_id = ?", run_id)
    database("DELETE FROM asset_event")
    assert clean_up()["stopped"] == 1
    assert clean_up()["running"] == 0
