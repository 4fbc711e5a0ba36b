"""Stopping a stream, and waiting until it has stopped."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_signalwire.exceptions import SignalWireNotFoundError
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

KEYS = {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}
STOPS = {"method": "POST", "path_contains": "/Streams/"}
LOOKS_AT_CALL = {"method": "GET", "path_contains": "/Calls/"}
END_TIME = "Sun, 22 Nov 2026 07:55:26 +0000"


def answers(*statuses):
    """Let the stops after each other answer these statuses, and those after them the truth."""
    return [{"match": STOPS, "kind": "patch", "set": {"status": status}} for status in statuses]


def derived_record(simulator, call, stream, date_updated):
    path = f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{call}/Streams/{stream}.json"
    return {
        "sid": stream,
        "account_sid": simulator.project,
        "call_sid": call,
        "name": None,
        "status": "stopped",
        "date_updated": date_updated,
        "uri": path,
    }


@pytest.fixture
def stream(simulator, connection):
    """A running stream: the SIDs of its call and of itself."""
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


def record_at_simulator(simulator, stream):
    return simulator.state.stop_stream(
        simulator.project, stream["call_sid"], stream["stream_sid"], {"Status": "stopped"}
    )


def test_without_waiting_the_first_answer_is_the_result(simulator, stop, stream):
    simulator.reset(stop_delay_ms=60_000)
    [call] = simulator.seed(streams=[{}])

    record = stop(call_sid=call["sid"], stream_sid=call["streams"][0]["sid"], wait_for_completion=False)

    assert record["status"] == "queued"
    assert record == record_at_simulator(simulator, {"call_sid": call["sid"], "stream_sid": record["sid"]})
    assert len(simulator.requests()) == 1
    assert stop.deferrals == []


def test_waits_through_queued_and_in_progress_for_the_unchanged_record(simulator, stop, stream):
    simulator.set_faults(answers("queued", "in-progress"))

    record = stop(**stream)

    assert set(record) == KEYS
    assert record == record_at_simulator(simulator, stream)
    assert record["status"] == "stopped"
    assert [request["form"] for request in simulator.requests("/Streams/")] == [{"Status": "stopped"}] * 3
    assert len(stop.deferrals) == (stop.mode == "deferred")


def test_waits_out_a_real_delay(simulator, stop, connection):
    simulator.reset(stop_delay_ms=250)
    [call] = simulator.seed(streams=[{"name": "media"}])

    record = stop(call_sid=call["sid"], stream_sid="media")

    assert record["status"] == "stopped"
    assert record["sid"] == call["streams"][0]["sid"]
    assert len(simulator.requests("/Streams/media")) >= 2


def test_a_stream_that_has_stopped_is_not_waited_for(simulator, stop, stream):
    assert stop(**stream)["status"] == "stopped"
    assert len(simulator.requests()) == 1
    assert stop.deferrals == []


def test_a_status_that_is_not_known_counts_as_not_yet_stopped(simulator, stop, stream):
    simulator.set_faults(answers("stopping"))

    assert stop(**stream)["status"] == "stopped"
    assert len(simulator.requests("/Streams/")) == 2


def test_keys_that_are_not_known_pass_through(simulator, stop, stream):
    simulator.set_faults(
        [*answers("queued"), {"match": STOPS, "kind": "patch", "set": {"api_version": "2010-04-01", "name": None}}]
    )

    expected = {**record_at_simulator(simulator, stream), "api_version": "2010-04-01", "name": None}
    assert stop(**stream) == expected


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("status", ["completed", "failed", "busy", "no-answer", "canceled"])
def test_a_call_that_had_ended_has_no_running_streams(simulator, stop, connection, status, wait):
    [call] = simulator.seed(status=status, streams=[{"name": "media"}])
    sid = call["streams"][0]["sid"]

    record = stop(call_sid=call["sid"], stream_sid=sid, wait_for_completion=wait)

    end_time = simulator.state.call(simulator.project, call["sid"])["end_time"]
    assert end_time
    assert record == derived_record(simulator, call["sid"], sid, end_time)
    assert [request["method"] for request in simulator.requests()] == ["POST", "GET"]


@pytest.mark.parametrize("refused", [False, True], ids=["stop-accepted", "stop-refused"])
def test_a_call_that_ends_during_the_wait_ends_the_wait(simulator, stop, stream, refused):
    refusal = {"match": STOPS, "kind": "status", "status": 422}
    simulator.set_faults(
        [
            *answers("queued"),
            refusal if refused else {**answers("queued")[0], "times": None},
            {
                "match": LOOKS_AT_CALL,
                "skip": 1,
                "kind": "patch",
                "set": {"status": "completed", "end_time": END_TIME},
            },
        ]
    )

    record = stop(**stream)

    assert record == derived_record(simulator, stream["call_sid"], stream["stream_sid"], END_TIME)
    assert len(simulator.requests("/Streams/")) == 2 or not refused
    assert len(stop.deferrals) == (stop.mode == "deferred")


@pytest.mark.parametrize("wait", [True, False])
def test_an_unknown_stream_on_a_live_call_is_an_error_for_good(simulator, stop, stream, wait):
    with pytest.raises(SignalWireNotFoundError, match=r"nowhere.*The call is 'in-progress'") as caught:
        stop(call_sid=stream["call_sid"], stream_sid="nowhere", wait_for_completion=wait)

    assert isinstance(caught.value, AirflowFailException)
    assert caught.value.http_status == 404
    assert [request["method"] for request in simulator.requests()] == ["POST", "GET"]


def test_an_unknown_call_is_an_error_that_says_so(simulator, stop, connection):
    with pytest.raises(SignalWireNotFoundError, match=r"There is no call 'gone'"):
        stop(call_sid="gone", stream_sid="media")


@pytest.mark.parametrize("wait", [True, False])
def test_ignore_if_missing_makes_none_of_an_unknown_stream(simulator, stop, stream, wait):
    arguments = {"ignore_if_missing": True, "wait_for_completion": wait}

    assert stop(call_sid=stream["call_sid"], stream_sid="nowhere", **arguments) is None
    assert stop(call_sid="gone", stream_sid="nowhere", **arguments) is None


def test_ignore_if_missing_holds_during_the_wait_too(simulator, stop, stream):
    simulator.set_faults([*answers("queued"), {"match": STOPS, "kind": "status", "status": 404}])

    assert stop(**stream, ignore_if_missing=True) is None
    assert len(stop.deferrals) == (stop.mode == "deferred")


def test_ignore_if_missing_ignores_nothing_but_404(simulator, stop, stream):
    simulator.set_faults([{"match": STOPS, "kind": "status", "status": 422}])

    with pytest.raises(AirflowFailException, match="422"):
        stop(**stream, ignore_if_missing=True)


def test_a_subproject_is_waited_for_in_the_triggerer_as_well(make_subproject, stop):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject, streams=[{"name": "media"}])
    server.set_faults(answers("queued"))

    record = stop(call_sid=call["sid"], stream_sid="media", account_sid=subproject, signalwire_conn_id=connection)

    assert record["account_sid"] == subproject
    assert len(server.requests(f"/Accounts/{subproject}/")) == len(server.requests()) == 3


def test_the_deferral_carries_ids_and_numbers_and_outlives_the_deadline(simulator, stream):
    simulator.set_faults(answers("queued"))
    operator = StopCallStreamOperator(
        task_id="stop", **stream, wait_for_completion=True, timeout=30, poll_interval=2, deferrable=True
    )

    with pytest.raises(TaskDeferred) as caught:
        operator.execute({})

    deferral = caught.value
    assert deferral.method_name == "execute_complete"
    assert deferral.timeout.total_seconds() > 30
    assert deferral.trigger.serialize()[1]["poll_interval"] == 2
