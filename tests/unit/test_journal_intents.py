"""Starts are recorded in the state of the journal's asset, where cleanups find and remove them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple
from task_runner import TaskStateStore

from airflow_provider_signalwire import journal_intents
from airflow_provider_signalwire.exceptions import SignalWireRequestError, SignalWireServerError
from airflow_provider_signalwire.journal_intents import StartIntent, StartIntents
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator

pytestmark = pytest.mark.skipif(
    get_base_airflow_version_tuple() < (3, 3, 0), reason="Airflow before 3.3 has no state of assets"
)

JOURNAL = Asset("streams")


@pytest.fixture
def context(run_task: Any) -> dict[str, Any]:
    return {**run_task.context(), "asset_state_store": {JOURNAL: TaskStateStore()}}


@pytest.fixture
def make_intent(context: dict[str, Any], connection: str) -> Any:
    def make(name: str = "bot", *, run_id: str = "run", call_sid: str = "call") -> StartIntent:
        context["ti"].run_id = run_id
        operator = StartCallStreamOperator(
            task_id="start", call_sid=call_sid, url="wss://bot.example.com/", outlets=[JOURNAL], outlives_run=True
        )
        return StartIntent(context, operator, name)

    return make


def found(context: dict[str, Any]) -> list[str]:
    return sorted(start.owner.run_id for start in StartIntents(context, [JOURNAL]))


def test_saved_start_is_found_with_owner_and_name(context, make_intent):
    make_intent().save()
    [start] = StartIntents(context, [JOURNAL])
    assert (start.parent_sid, start.stream_sid, start.name) == ("call", "bot", "bot")
    assert (start.owner.dag_id, start.owner.run_id, start.owner.task_id) == ("calls", "run", "task")
    assert start.outlives_run
    assert start.is_unconfirmed


def test_cleared_start_is_gone_and_the_others_stay(context, make_intent):
    intents = [make_intent(run_id=str(number)) for number in range(200)]  # more than there are entries
    for intent in intents:
        intent.save()
    intents[5].clear()
    assert set(found(context)) == {str(number) for number in range(200)} - {"5"}


def test_only_starts_of_settled_names_are_removed(context, make_intent, monkeypatch):
    monkeypatch.setattr(journal_intents, "_ENTRIES", 1)
    make_intent("other", run_id="ended").save()
    for run_id in ("earlier", "alive"):
        make_intent(run_id=run_id).save()
    intents = StartIntents(context, [JOURNAL])
    make_intent(run_id="later").save()
    intents.settle({start for start in intents if start.owner.run_id == "alive"})
    assert found(context) == ["alive", "earlier", "later"]


def test_latest_starts_of_an_entry_stay_and_fit_into_64_kb(context, make_intent, monkeypatch):
    monkeypatch.setattr(journal_intents, "_ENTRIES", 1)
    long = "x" * 36  # as long as a SID
    for number in range(101):
        make_intent(long, call_sid=long, run_id=f"scheduled__2026-11-26T08:00:00.000000+00:00_{number:03}").save()
    assert len(found(context)) == 100
    assert not found(context)[0].endswith("_000")
    [stored] = context["asset_state_store"][JOURNAL].entries.values()
    assert len(stored) < 64 * 1024


def test_name_with_telephone_number_is_not_recorded(context, make_intent):
    make_intent("for +15551234567").save()
    assert found(context) == []


@pytest.mark.parametrize("value", [1, {"starts": 1}, {"starts": [1, {}, {"owner": {}, "started_at": "now"}]}], ids=str)
def test_entry_that_cannot_be_read_is_skipped(context, make_intent, monkeypatch, value):
    monkeypatch.setattr(journal_intents, "_ENTRIES", 1)
    context["asset_state_store"][JOURNAL].set("signalwire_starts_0", value)
    assert found(context) == []
    make_intent().save()
    assert found(context) == ["run"]


def test_without_store_nothing_is_recorded(context, make_intent):
    del context["asset_state_store"]
    make_intent().save()
    assert found(context) == []


@pytest.mark.parametrize(
    ("fault", "error", "runs"),
    [
        (None, None, ["run"]),  # until a cleanup has read its event
        ({"status": 422}, SignalWireRequestError, []),
        ({"status": 503, "when": "after", "times": None}, SignalWireServerError, ["run"]),
    ],
    ids=["started", "refused", "may be running"],
)
def test_start_stays_unless_no_stream_can_be_running(simulator, context, make_connection, fault, error, runs):
    make_connection(extra={"max_attempts": 1})
    [call] = simulator.seed()
    if fault:
        simulator.set_faults([{"match": {"method": "POST"}, "kind": "status", **fault}])
    start = StartCallStreamOperator(
        task_id="start", call_sid=call["sid"], url="wss://bot.example.com/", outlets=[JOURNAL]
    )
    with pytest.raises(error) if error else nullcontext():
        start.execute(context)
    assert found(context) == runs
