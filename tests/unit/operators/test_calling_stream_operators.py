"""Streams of the Calling API: started once under a control id, stopped by it; no state is claimed to be known."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from interrupted_request import interrupt
from simulated import http_status, running, streams

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConnectionError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireServerError,
)
from airflow_provider_signalwire.operators import current_try, start_guard
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.calling_stream import StartCallingStreamOperator, StopCallingStreamOperator
from airflow_provider_signalwire.operators.start_guard import TaskKilled

URL = "wss://media.example.com/stream?key=secret-key-of-the-bot"
COMMANDS = {"method": "POST", "path_contains": "/api/calling/calls"}
CONTROL_ID = "adhoc_airflow.media.run"


@pytest.fixture
def call_id(simulator, connection, no_backoff):
    [call] = simulator.seed_native_calls()
    return call["sid"]


@pytest.fixture
def make_operator(call_id):
    def make(**arguments):
        return StartCallingStreamOperator(task_id="media", **{"call_id": call_id, "url": URL, **arguments})

    return make


@pytest.fixture
def start(make_operator, run_task):
    """Run a StartCallingStreamOperator."""

    def start(*, try_number=1, map_index=-1, **arguments):
        return make_operator(**arguments).execute(run_task.context(try_number=try_number, map_index=map_index))

    return start


@pytest.fixture
def stop(call_id, run_task):
    """Run a StopCallingStreamOperator."""

    def stop(**arguments):
        task = StopCallingStreamOperator(task_id="stop", **{"call_id": call_id, "control_id": CONTROL_ID, **arguments})
        return task.execute(run_task.context())

    return stop


def commands(simulator):
    return [request["form"]["command"] for request in simulator.requests("/api/calling/calls")]


def test_start_returns_the_call_and_the_control_id(simulator, start, call_id, run_task, read_log):
    simulator.set_faults([{"match": COMMANDS, "kind": "slow", "seconds": 0.02}])
    record = start()
    log = read_log()
    assert f"Starting the stream with the control id '{CONTROL_ID}' on call '{call_id}'." in log
    line = rf"Stream start accepted: control id '{CONTROL_ID}' on call '{call_id}' \(answered\). Attempts 1, (\d+) ms, "
    assert int(re.search(line + f"request id {simulator.requests()[0]['request_id']}.", log)[1]) >= 20
    assert (record["id"], record["status"], record["control_id"]) == (call_id, "answered", CONTROL_ID)
    assert running(simulator) == [CONTROL_ID]
    assert run_task.pushed == [("control_id", CONTROL_ID)]


def test_start_runs_in_an_empty_context(simulator, make_operator):
    assert make_operator().execute({})["control_id"] == "adhoc_airflow.media"


def test_default_control_id_differs_for_each_mapped_task_and_is_the_same_in_every_try(start, stop):
    assert start(map_index=7)["control_id"] == "adhoc_airflow.media.7.run"
    assert start(map_index=7, try_number=2)["control_id"] == "adhoc_airflow.media.7.run"


def test_every_argument_is_sent(simulator, start, call_id):
    start(
        control_id="mine",
        name="my stream",
        codec="PCMU",
        track="both_tracks",
        status_url="https://media.example.com/events",
        status_url_method="GET",
        custom_parameters={"language": "en", "depth": [1, {"a": None}]},
        authorization_bearer_token="token-of-the-bot",
    )
    [request] = simulator.requests("/api/calling")
    assert (request["form"]["command"], request["form"]["id"]) == ("calling.stream", call_id)
    [stream] = streams(simulator)
    assert (stream["sid"], stream["name"], stream["track"]) == ("mine", "my stream", "both_tracks")


def test_stop_returns_the_call_and_the_control_id(simulator, start, stop, call_id, read_log):
    start()
    record = stop()
    assert f"Stream stop accepted: control id '{CONTROL_ID}' on call '{call_id}' (answered)." in read_log()
    assert (record["id"], record["control_id"]) == (call_id, CONTROL_ID)
    assert running(simulator) == []
    assert stop()["control_id"] == CONTROL_ID


@pytest.mark.parametrize("when", ["before", "after"])
def test_start_with_a_lost_response_leaves_one_stream(simulator, start, when, caplog):
    simulator.set_faults([{"match": COMMANDS, "kind": "reset", "when": when}])
    start()
    assert commands(simulator) == ["calling.stream", "calling.stream.stop", "calling.stream"]
    assert running(simulator) == [CONTROL_ID]
    assert "Stopping the stream of the same control id, in case it was started (SignalWireConn" in caplog.text


def test_start_waits_for_the_control_id_while_its_stream_still_stops(simulator, start):
    simulator.reset(stop_delay_ms=1, answer_delay_ms=0)
    [call] = simulator.seed_native_calls()
    simulator.set_faults([{"match": COMMANDS, "kind": "reset", "when": "after"}])
    start(call_id=call["sid"])
    assert running(simulator) == [CONTROL_ID]


def test_start_that_stays_unanswered_says_that_a_stream_may_be_running(simulator, start, call_id):
    simulator.set_faults([{"match": COMMANDS, "kind": "status", "status": 503, "times": None}])
    with pytest.raises(SignalWireServerError) as caught:
        start()
    assert f"A stream with the control id '{CONTROL_ID}' may be running on call '{call_id}'" in str(caught.value)
    assert "StopCallingStreamOperator" in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_refused_start_stops_nothing(simulator, start):
    simulator.set_faults([http_status(401, match=COMMANDS)])
    with pytest.raises(SignalWireAuthenticationError):
        start()
    assert commands(simulator) == ["calling.stream"]


def test_later_try_stops_what_an_earlier_one_left(simulator, start):
    start()
    start(try_number=2)
    assert commands(simulator) == ["calling.stream", "calling.stream.stop", "calling.stream"]
    assert running(simulator) == [CONTROL_ID]


def test_later_try_with_a_control_id_of_the_user_stops_nothing(simulator, start):
    start(control_id="mine")
    with pytest.raises(SignalWireRequestError, match="code cannot_process"):
        start(control_id="mine", try_number=2)
    assert running(simulator) == ["mine"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_task_that_ends_early_stops_the_stream(simulator, start, monkeypatch, when, read_log):
    interrupt(monkeypatch, AirflowTaskTimeout("The end"), when=when)
    if when == "before":  # the stop finds no stream until the time is up
        monkeypatch.setattr(start_guard, "_CLEANUP_SECONDS", 0.2)
    with pytest.raises(AirflowTaskTimeout) as caught:
        start()
    assert running(simulator) == []
    notes = " ".join(getattr(caught.value, "__notes__", []))
    assert ("may be running" in notes) is (when == "before")
    log = read_log()
    assert f"The task ends (AirflowTaskTimeout). A stream with the control id '{CONTROL_ID}' may be running on " in log
    assert ("The stop was accepted." in log) is (when == "after")


def test_try_that_airflow_has_given_up_stops_nothing(simulator, start, monkeypatch):
    monkeypatch.setattr(current_try, "_is_given_up", lambda context: True)
    interrupt(monkeypatch, AirflowTaskTimeout("The end"), when="after")
    with pytest.raises(AirflowTaskTimeout) as caught:
        start()
    assert running(simulator) == [CONTROL_ID]
    assert "Nothing was stopped: the try was given up" in caught.value.__notes__[0]


@pytest.mark.parametrize(("state", "left"), [("running", []), ("success", [CONTROL_ID])])
def test_kill_after_the_start_stops_the_stream_unless_success_is_reported(
    simulator, make_operator, run_task, state, left
):
    task = make_operator()
    task.execute(run_task.context(state=state))
    with nullcontext() if left else pytest.raises(TaskKilled):
        task.on_kill()
    assert running(simulator) == left


def test_error_names_the_operator_of_the_other_api(start, stop, call_id, call_sid, context):
    with pytest.raises(SignalWireRequestError, match="use StartCallStreamOperator"):
        start(call_id=call_sid)
    with pytest.raises(SignalWireRequestError, match="use StopCallStreamOperator"):
        stop(call_id=call_sid)
    with pytest.raises(SignalWireNotFoundError, match="use StartCallingStreamOperator"):
        StartCallStreamOperator(task_id="start", call_sid=call_id, url=URL).execute(context)
    with pytest.raises(SignalWireNotFoundError, match="use StopCallingStreamOperator"):
        StopCallStreamOperator(task_id="stop", call_sid=call_id, stream_sid="media").execute(context)


def test_connection_that_is_refused_leaves_nothing_to_warn_of(start, make_connection):
    make_connection(host="http://127.0.0.1:9", extra={"max_attempts": 1})
    with pytest.raises(SignalWireConnectionError) as caught:
        start()
    assert "may be running" not in str(caught.value)
