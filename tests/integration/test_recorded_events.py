"""Operators with an asset among their outlets record in real Airflow what they did to which stream."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow_features import skip_without_journal

from airflow_provider_signalwire import journal_events
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.journal import JOURNAL_KEY
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

skip_without_journal(module=True)

pytestmark = pytest.mark.usefixtures("connection", "database")


@pytest.fixture
def recorded(run_dag: Any, database: Any) -> Any:
    """Run a DAG, and return the entries of each event that it wrote."""

    def run(dag_id: str, **params: Any) -> list[list[dict[str, Any]]]:
        database("DELETE FROM asset_event")
        tasks = run_dag(
            dag_id, **{"call_sid": "", "stream_sid": "", "streams": [], "call_sids": [], **params}
        ).tasks.values()
        assert {state for state, _ in tasks} == {"success"}
        rows = database("SELECT extra FROM asset_event ORDER BY id")
        return [json.loads(extra)[JOURNAL_KEY]["entries"] for [extra] in rows]

    return run


def brief(entries: list[dict[str, Any]]) -> list[tuple[str, str, str, str | None]]:
    return [(entry["event"], entry["call_sid"], entry["stream_sid"], entry["name"]) for entry in entries]


def test_start_is_recorded_without_url_and_number(simulator, recorded, database):
    [call] = simulator.seed()
    [[entry]] = recorded("record_start", call_sid=call["sid"])
    [stream] = simulator.state.snapshot()["streams"]
    assert datetime.now(UTC).timestamp() - datetime.fromisoformat(entry.pop("at")).timestamp() < 60
    assert entry == {
        "event": "started",
        "account_sid": simulator.project,
        "call_sid": call["sid"],
        "stream_sid": stream["sid"],
        "name": "for +***4567",
        "outlives_run": True,
    }
    [[extra]] = database("SELECT extra FROM asset_event")
    assert "wss:" not in extra
    assert "signed-key" not in extra


def test_each_mapped_start_writes_its_own_event(simulator, recorded):
    calls = [call["sid"] for call in simulator.seed(count=3)]
    events = recorded("record_mapped_starts", call_sids=calls)
    assert sorted(entry["call_sid"] for [entry] in events) == sorted(calls)
    assert len({entry["stream_sid"] for [entry] in events}) == 3


@pytest.mark.parametrize("dag_id", ["record_stop", "record_deferred_stop"])
def test_stop_is_recorded_by_sid_although_it_was_requested_by_name(simulator, recorded, dag_id):
    simulator.reset(stop_delay_ms=300)
    [call] = simulator.seed(streams=[{"name": "bot"}])
    [stream] = simulator.state.snapshot()["streams"]
    [entries] = recorded(dag_id, call_sid=call["sid"], stream_sid="bot")
    assert brief(entries) == [("stopped", call["sid"], stream["sid"], "bot")]


def test_end_of_the_call_is_recorded(simulator, recorded):
    [call] = simulator.seed(streams=[{"name": "bot"}])
    simulator.state.end_call(call["sid"])
    assert brief(recorded("record_stop", call_sid=call["sid"], stream_sid="bot")[0]) == [
        ("ended", call["sid"], "bot", None)
    ]


def test_missing_stream_that_is_ignored_is_recorded_as_stopped(simulator, recorded):
    [call] = simulator.seed()
    assert brief(recorded("record_ignored_stop", call_sid=call["sid"], stream_sid="gone")[0]) == [
        ("stopped", call["sid"], "gone", None)
    ]


def test_batch_records_in_one_event_what_no_longer_runs(simulator, recorded):
    [stopped, named, ended, failed] = simulator.seed(count=4, streams=[{"name": "bot"}])
    sids = {stream["call_sid"]: stream["sid"] for stream in simulator.state.snapshot()["streams"]}
    simulator.state.end_call(ended["sid"])
    rows = [
        {"call_sid": stopped["sid"], "stream_sid": sids[stopped["sid"]]},
        {"call_sid": named["sid"], "stream_sid": "bot"},
        {"call_sid": ended["sid"], "stream_sid": sids[ended["sid"]]},
        {"call_sid": failed["sid"], "stream_sid": "no such stream"},
    ]
    [entries] = recorded("record_stops", streams=rows)
    assert brief(entries) == [
        ("stopped", stopped["sid"], sids[stopped["sid"]], "bot"),
        ("stopped", named["sid"], sids[named["sid"]], "bot"),
        ("ended", ended["sid"], sids[ended["sid"]], None),
    ]


def test_start_and_stop_on_a_conference_are_recorded_with_it(simulator, recorded):
    [conference] = simulator.seed_conferences()
    [[started], [stopped]] = recorded("record_conference", conference_sid=conference["sid"])
    [stream] = simulator.state.snapshot()["streams"]
    ids = {"account_sid": simulator.project, "conference_sid": conference["sid"], "stream_sid": stream["sid"]}
    assert started.pop("at") < stopped.pop("at")
    assert started == {"event": "started", **ids, "name": "bot", "outlives_run": False}
    assert stopped == {"event": "stopped", **ids, "name": "bot", "outlives_run": False}


def test_task_without_outlets_writes_nothing(simulator, recorded):
    [call] = simulator.seed(streams=[{"name": "bot"}])
    assert recorded("record_nothing", call_sid=call["sid"], stream_sid="bot") == []


def test_batch_that_is_too_large_for_an_event_sends_nothing(simulator, monkeypatch):
    from airflow.providers.common.compat.sdk import Asset

    monkeypatch.setattr(journal_events, "MAX_ENTRIES", 2)
    rows = [{"call_sid": "c", "stream_sid": f"s{number}"} for number in range(3)]
    operator = StopCallStreamsOperator(task_id="stop", streams=rows, outlets=[Asset("streams")])
    with pytest.raises(SignalWireConfigurationError, match="can hold 2 streams, and there are 3"):
        operator.execute({"outlet_events": {}})
    assert simulator.requests() == []
