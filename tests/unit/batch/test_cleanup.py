"""CallStreamCleanupOperator against the simulator."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow_features import skip_without_journal

from airflow_provider_signalwire.exceptions import (
    SignalWireBatchRefusedError,
    SignalWireConfigurationError,
)
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

pytestmark = pytest.mark.usefixtures("connection")

HOUR = 3600
OLD = "Wed, 01 Jan 2025 00:00:00 GMT"
GOOD = {"status": "in-progress", "start_time": OLD}


def clean_up(context, **arguments):
    arguments = {"stream_names": ["forgotten"], "min_call_age": timedelta(hours=2), **arguments}
    return CallStreamCleanupOperator(task_id="clean_up", **arguments).execute(context)


def seed(simulator, name, *, hours, count=1, **plan):
    streams = [{"name": name, "url": "wss://bot.example.com/"}]
    calls = simulator.seed(count=count, age_seconds=hours * HOUR, streams=streams, **plan)
    return [call["sid"] for call in calls]


def running(simulator):
    streams = simulator.state.snapshot()["streams"]
    return {(stream["call_sid"], stream["name"]) for stream in streams if stream["status"] != "stopped"}


def page_of(*calls):
    body = {"calls": list(calls), "next_page_uri": None}
    return {"match": {"method": "GET"}, "kind": "json", "body": body}


def writes(simulator):
    return sum(request["method"] != "GET" for request in simulator.requests())


def test_only_named_streams_on_old_calls_are_stopped(simulator, context, caplog):
    seed(simulator, "forgotten", hours=3, count=5)
    seed(simulator, "lost", hours=3)
    [young] = seed(simulator, "forgotten", hours=1)
    [other] = seed(simulator, "other", hours=3)
    seed(simulator, "forgotten", hours=3, status="completed")
    summary = clean_up(context, stream_names=["forgotten", "lost", "forgotten"])
    assert running(simulator) == {(young, "forgotten"), (other, "other")}
    counts = [summary[key] for key in ("calls", "requested", "stopped", "missing", "dry_run")]
    assert counts == [7, 14, 6, 8, False]
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record for record in warned if "signalwire" in record.name] == []


def test_dry_run_sends_no_write(simulator, context, caplog):
    caplog.set_level(logging.INFO)
    calls = seed(simulator, "forgotten", hours=3, count=3)
    for is_dry in (True, "True", "true"):
        found = clean_up(context, dry_run=is_dry)
        assert found["dry_run"] is True
        line = caplog.records[-1].getMessage()
        assert line.startswith("Dry run. Calls in progress that started before ")
        assert line.endswith(": 3. Streams to stop on each: 'forgotten'.")
        assert (found["calls"], found["would_stop_not_listed"]) == (3, 0)
        assert {stream["call_sid"] for stream in found["would_stop"]} == set(calls)
    assert writes(simulator) == 0
    assert len(running(simulator)) == 3


def test_dry_run_reads_every_page_and_lists_at_most_a_thousand(simulator, context):
    seed(simulator, "forgotten", hours=3, count=1002)
    found = clean_up(context, dry_run=True)
    assert (found["calls"], len(found["would_stop"]), found["would_stop_not_listed"]) == (1002, 1000, 2)


def test_calls_are_filtered(simulator, context):
    seed(simulator, "forgotten", hours=3, to="+15550001")
    [other] = seed(simulator, "forgotten", hours=3, to="+15550002")
    clean_up(context, call_filters={"to": "+15550001"})
    assert running(simulator) == {(other, "forgotten")}


def test_young_or_repeated_call_is_left_alone_even_if_the_server_lists_it(simulator, context):
    [old], _ = seed(simulator, "forgotten", hours=3), seed(simulator, "forgotten", hours=0)
    young, listed = sorted(simulator.state.snapshot()["calls"], key=lambda call: call["sid"] == old)
    simulator.set_faults([{**page_of(listed, young, listed), "times": 2}])
    found = clean_up(context, dry_run=True)
    assert (found["would_stop"], found["would_stop_not_listed"]) == ([{"call_sid": old, "stream_sid": "forgotten"}], 0)
    assert clean_up(context)["requested"] == 2
    assert writes(simulator) == 1


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ("+15551234567", "Skipped call None in the list: the entry is not a call record"),
        ({**GOOD, "sid": ".."}, r"Skipped call '\.\.' in the list: the entry is not a call record: 'sid'"),
        ({**GOOD, "sid": "odd", "start_time": None}, "call 'odd' has the start_time None"),
        ({**GOOD, "sid": "odd", "start_time": "yesterday"}, "call 'odd' has the start_time 'yesterday'"),
        ({**GOOD, "sid": "odd", "start_time": 7}, "call 'odd' has the start_time 7"),
    ],
    ids=repr,
)
def test_odd_call_is_logged_and_skipped(simulator, context, caplog, odd, message):
    calls = seed(simulator, "forgotten", hours=3, count=2)
    records = [{**GOOD, "sid": call} for call in calls]
    simulator.set_faults([page_of(records[0], odd, records[1])])
    summary = clean_up(context)
    assert (summary["calls"], summary["stopped"]) == (2, 2)
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert re.search(message, warning)
    assert "5551234567" not in warning


@pytest.mark.parametrize(
    "start_time", [OLD, "2025-01-01T00:00:00Z", "2025-01-01 00:00:00", "2025-01-01T02:00:00+02:00"]
)
def test_start_time_in_any_usual_format(simulator, context, start_time):
    [call] = seed(simulator, "forgotten", hours=3)
    simulator.set_faults([page_of({**GOOD, "sid": call, "start_time": start_time})])
    assert clean_up(context)["stopped"] == 1


def test_age_in_seconds_or_as_rendered_text(simulator, context):
    seed(simulator, "forgotten", hours=3)
    assert clean_up({}, min_call_age=4 * HOUR)["calls"] == 0
    assert clean_up(context, min_call_age=timedelta(hours=4))["calls"] == 0
    assert clean_up(context, min_call_age="14400.0")["calls"] == 0
    assert clean_up(context, min_call_age=str(2 * HOUR))["calls"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stream_names": []}, r"'stream_names' is \[\]"),
        ({"stream_names": "forgotten"}, "'stream_names' is 'forgotten'"),
        ({"stream_names": ["a/b"]}, "'stream_names' is 'a/b'"),
        ({"min_call_age": -1}, "'min_call_age' is -1"),
        ({"call_filters": None}, "'call_filters' is None"),
        ({"call_filters": {"to": None}}, r"call_filters\['to'\]' is None"),
        ({"min_call_age": None}, "'min_call_age' is None"),
        ({"min_call_age": 10 * 366 * 24 * HOUR + 1}, "'min_call_age' is 316224001: expected .* 3660 days"),
        ({"dry_run": "perhaps"}, "'dry_run' is 'perhaps'"),
    ],
)
def test_invalid_parameter_is_refused_before_any_request(simulator, context, arguments, message):
    with pytest.raises(SignalWireConfigurationError, match=message):
        clean_up(context, **arguments)
    assert simulator.requests() == []


@pytest.mark.parametrize("concurrency", [1, 7, 128])
def test_limit_ends_sending_after_exactly_that_many_accepted_stops(simulator, context, concurrency):
    seed(simulator, "other", hours=4, count=30)
    seed(simulator, "forgotten", hours=3, count=40)
    with pytest.raises(SignalWireBatchRefusedError, match="after 25 accepted stops, the limit 'max_stops'"):
        clean_up(context, max_stops=25, max_concurrency=concurrency)
    assert len([call for call, name in running(simulator) if name == "forgotten"]) == 15
    summary = context["ti"].pushed["return_value"]
    assert (summary["calls"], summary["dry_run"], summary["stopped"]) == (70, False, 25)


def test_limit_that_is_just_reached_is_no_failure(simulator, context):
    seed(simulator, "forgotten", hours=3, count=25)
    seed(simulator, "other", hours=3, count=5)
    assert clean_up(context, max_stops=30)["stopped"] == 25
    simulator.reset(answer_delay_ms=0, stop_delay_ms=0)
    seed(simulator, "forgotten", hours=3, count=25)
    assert clean_up(context, max_stops=25)["stopped"] == 25


def test_limit_applies_by_default(simulator, context):
    seed(simulator, "forgotten", hours=3, count=501)
    with pytest.raises(SignalWireBatchRefusedError, match="after 500 accepted stops"):
        clean_up(context)
    assert len(running(simulator)) == 1
    clean_up(context, max_stops=None)
    assert running(simulator) == set()


def test_retry_does_not_extend_the_limit(simulator, context, store):
    context["task_state_store"] = store
    seed(simulator, "forgotten", hours=3, count=40)
    for _ in range(2):
        with pytest.raises(SignalWireBatchRefusedError, match="after 25 accepted stops"):
            clean_up(context, max_stops=25)
    assert len(running(simulator)) == 15


APPROVED = {"chosen_options": ["Approve"], "timedout": False}


def ask_by_name(monkeypatch, context, max_stops):
    """Run a cleanup by name until it asks, and return its operator and what Airflow passes on with the response."""
    awaiting_input = pytest.importorskip("airflow.sdk.exceptions").__dict__.get("TaskAwaitingInput")
    if awaiting_input is None:
        pytest.skip("Airflow before 3.3 cannot wait for a person")
    questions: list[dict[str, Any]] = []
    # It needs a task's connection to Airflow; tests/cluster asks in a real one.
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **detail: questions.append(detail))
    context["ti"].id = "task"
    operator = CallStreamCleanupOperator(
        task_id="t", stream_names=["forgotten"], min_call_age=HOUR, max_stops=max_stops, on_limit="approve"
    )
    with pytest.raises(awaiting_input) as asked:
        operator.execute(context)
    assert f"after {max_stops} accepted stops" in questions[0]["body"]
    return operator, asked.value.kwargs


def test_rest_is_stopped_by_name_after_approval(simulator, context, store, monkeypatch, caplog):
    context["task_state_store"] = store
    seed(simulator, "forgotten", hours=3, count=40)
    with caplog.at_level(logging.INFO):
        operator, kwargs = ask_by_name(monkeypatch, context, max_stops=25)
    assert "Waiting for a person to approve or reject." in caplog.text
    assert len(running(simulator)) == 15
    seed(simulator, "forgotten", hours=3, count=20)
    summary = operator.execute_complete(context, APPROVED, **kwargs)
    assert running(simulator) == set()
    assert (summary["calls"], summary["stopped"]) == (60, 60)


def test_nothing_more_is_stopped_by_name_without_approval(simulator, context, monkeypatch):
    seed(simulator, "forgotten", hours=3, count=40)
    operator, kwargs = ask_by_name(monkeypatch, context, max_stops=25)
    stops = writes(simulator)
    with pytest.raises(SignalWireBatchRefusedError, match=r"was rejected\. .* after 25 accepted stops.* 25 stopped"):
        operator.execute_complete(context, {"chosen_options": ["Reject"]}, **kwargs)
    assert writes(simulator) == stops
    assert context["ti"].pushed["return_value"]["stopped"] == 25


JOURNAL = {"journal": [Asset("streams")]}
NAMES = {"stream_names": ["a"], "min_call_age": 60}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "'stream_names' is None, and so is 'journal'"),
        ({"journal": []}, r"'journal' is \[\]"),
        ({"journal": Asset("streams")}, "'journal' is Asset"),
        ({"journal": ["streams"]}, r"'journal' is \['streams'\]"),
        ({**JOURNAL, "min_call_age": 60}, "'min_call_age' needs 'stream_names'"),
        ({**JOURNAL, "call_filters": {"to": "+15550001"}}, "'call_filters' needs 'stream_names'"),
        ({**JOURNAL, "owner_ended": False}, "give a 'min_stream_age'"),
        ({**JOURNAL, "owner_ended": None}, "'owner_ended' is None"),
        ({**JOURNAL, "on_limit": "ask"}, "'on_limit' is 'ask'"),
        ({**JOURNAL, "response_timeout": 0}, "'response_timeout' is 0"),
        ({**JOURNAL, "on_limit": "approve", "max_stops": None}, "'on_limit' needs 'max_stops'|needs Airflow 3.3"),
        ({**NAMES, "owner_ended": False}, "'owner_ended' needs 'journal'"),
        ({**NAMES, "min_stream_age": 60}, "'min_stream_age' needs 'journal'"),
        ({**NAMES, "max_stream_age": timedelta(days=1)}, "'max_stream_age' needs 'journal'"),
        ({**NAMES, "max_stream_age": "{{ params.age }}"}, "'max_stream_age' needs 'journal'"),
        ({**NAMES, "response_timeout": 60}, "'response_timeout' needs on_limit='approve'"),
        *(({**NAMES, "max_stops": value}, "'max_stops' is") for value in (0, -1, True, 2.5, "500")),
    ],
)
def test_invalid_parameter_is_refused_when_the_dag_is_parsed(arguments, message):
    if "journal" in arguments:
        skip_without_journal()
    with pytest.raises(SignalWireConfigurationError, match=message):
        CallStreamCleanupOperator(task_id="clean_up", **arguments)


def test_default_of_an_option_without_effect_is_accepted():
    CallStreamCleanupOperator(
        task_id="t", **NAMES, max_stream_age=timedelta(days=7), response_timeout=timedelta(days=1)
    )


def test_journal_is_inlet_and_outlet():
    skip_without_journal()
    streams, other = Asset("streams"), Asset("other")
    task = CallStreamCleanupOperator(task_id="t", journal=[streams], inlets=[other], outlets=[streams])
    assert (task.inlets, task.outlets) == ([other, streams], [streams])


def test_approval_is_refused_where_airflow_cannot_wait_for_a_person(monkeypatch):
    skip_without_journal()
    monkeypatch.delattr("airflow.sdk.exceptions.TaskAwaitingInput", raising=False)
    with pytest.raises(SignalWireConfigurationError, match=r"needs Airflow 3\.3 or newer"):
        CallStreamCleanupOperator(task_id="t", on_limit="approve", **JOURNAL)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"chosen_options": ["Reject"], "timedout": False}, "was rejected"),
        ({"error": "too late", "error_type": "timeout"}, "got no response in time"),
        ({"chosen_options": ["Approve"], "timedout": True}, "got no response in time"),
        ({"chosen_options": ["Approve", "Reject"]}, "got no response in time"),
        (None, "got no response in time"),
    ],
)
def test_without_approval_nothing_is_sent(simulator, event, reason):
    skip_without_journal()
    task = CallStreamCleanupOperator(task_id="t", **JOURNAL)
    with pytest.raises(SignalWireBatchRefusedError, match=f"{reason}. No stream was stopped"):
        task.execute_complete({}, event, asked_for=["stream"])
    assert simulator.requests() == []
