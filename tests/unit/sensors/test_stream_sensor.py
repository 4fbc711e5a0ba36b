"""Waiting until a stream has stopped: the same end in every mode."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

KEYS = {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}
STOPS = {"method": "POST", "path_contains": "/Streams/"}
LOOKS_AT_CALL = {"method": "GET", "path_contains": "/Calls/"}
END_TIME = "Sun, 22 Nov 2026 07:55:26 +0000"


def answers(*statuses):
    """Let the stops after each other answer these statuses, and those after them the truth."""
    return [{"match": STOPS, "kind": "patch", "set": {"status": status}} for status in statuses]


def derived_record(simulator, stream, end_time):
    path = f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls/{stream['call_sid']}/Streams"
    return {
        "sid": stream["stream_sid"],
        "account_sid": simulator.project,
        "call_sid": stream["call_sid"],
        "name": None,
        "status": "stopped",
        "date_updated": end_time,
        "uri": f"{path}/{stream['stream_sid']}.json",
    }


@pytest.fixture
def stream(simulator, connection):
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


def test_waits_through_queued_and_in_progress_for_the_unchanged_record(simulator, sense, stream):
    simulator.set_faults(answers("queued", "in-progress"))

    record = sense(CallStreamStatusSensor, **stream)

    assert set(record) == KEYS
    assert record == simulator.state.stop_stream(simulator.project, *stream.values(), {"Status": "stopped"})
    assert record["status"] == "stopped"
    assert len(simulator.requests("/Streams/")) == 3
    assert sense.waited


def test_a_stream_that_has_stopped_is_not_waited_for(simulator, sense, stream):
    assert sense(CallStreamStatusSensor, call_sid=stream["call_sid"], stream_sid="media")["status"] == "stopped"
    assert len(simulator.requests()) == 1
    assert sense.deferrals == sense.reschedules == []


def test_a_call_that_had_ended_has_no_running_streams(simulator, sense, connection):
    [call] = simulator.seed(status="completed", streams=[{"name": "media"}])
    stream = {"call_sid": call["sid"], "stream_sid": "media"}

    record = sense(CallStreamStatusSensor, **stream)

    end_time = simulator.state.call(simulator.project, call["sid"])["end_time"]
    assert record == derived_record(simulator, stream, end_time)


@pytest.mark.parametrize("refused", [False, True], ids=["stop-accepted", "stop-refused"])
def test_a_call_that_ends_during_the_wait_ends_the_wait(simulator, sense, stream, refused):
    refusal = {"match": STOPS, "kind": "status", "status": 422}
    ended = {"status": "completed", "end_time": END_TIME}
    simulator.set_faults(
        [
            *answers("queued"),
            refusal if refused else {**answers("queued")[0], "times": None},
            {"match": LOOKS_AT_CALL, "skip": 1, "kind": "patch", "set": ended},
        ]
    )

    record = sense(CallStreamStatusSensor, **stream)

    assert record == derived_record(simulator, stream, END_TIME)
    assert len(simulator.requests("/Streams/")) == 2 or not refused
    assert sense.waited


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ({"kind": "status", "status": 401}, SignalWireAuthenticationError),
        ({"kind": "status", "status": 403}, SignalWireAuthenticationError),
        ({"kind": "status", "status": 404}, SignalWireNotFoundError),
        ({"kind": "status", "status": 422}, SignalWireRequestError),
        ({"kind": "status", "status": 429}, SignalWireRateLimitError),
        ({"kind": "status", "status": 503}, SignalWireServerError),
        ({"kind": "reset"}, SignalWireConnectionError),
        ({"kind": "html"}, SignalWireResponseError),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value.__name__,
)
@pytest.mark.parametrize("looks_before", [0, 1])
def test_an_error_is_the_same_in_every_mode(
    simulator, sense, make_connection, stream, no_backoff, kind, error, looks_before
):
    make_connection(extra={"max_attempts": 2})
    simulator.set_faults([*answers("queued")[:looks_before], {"match": STOPS, "times": None, **kind}])

    with pytest.raises(error) as caught:
        sense(CallStreamStatusSensor, **stream)

    assert type(caught.value) is error
    is_final = isinstance(caught.value, AirflowFailException)
    assert is_final == (kind.get("status") in (401, 403, 404, 422))
    assert len(simulator.requests("/Streams/")) == looks_before + (1 if is_final else 2)


def test_a_subproject_is_asked_about_in_every_mode(make_subproject, sense):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject, streams=[{"name": "media"}])
    server.set_faults(answers("queued"))

    record = sense(
        CallStreamStatusSensor,
        call_sid=call["sid"],
        stream_sid="media",
        account_sid=subproject,
        signalwire_conn_id=connection,
    )

    assert record["account_sid"] == subproject
    assert len(server.requests(f"/Accounts/{subproject}/")) == len(server.requests()) == 3


@pytest.mark.parametrize("parameter", ["call_sid", "stream_sid", "account_sid"])
@pytest.mark.parametrize("value", ["", " ", "..", "a/b", "a\x7fb"], ids=repr)
def test_a_sid_that_cannot_be_one_is_refused_unsent(simulator, sense, stream, parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=parameter):
        sense(CallStreamStatusSensor, **{**stream, parameter: value})

    assert simulator.requests() == []


@pytest.mark.parametrize("parameter", ["poke_interval", "timeout"])
def test_a_negative_interval_is_refused_when_the_task_is_made(sense, parameter):
    with pytest.raises(Exception, match=parameter):
        sense.make(CallStreamStatusSensor, call_sid="call", stream_sid="stream", **{parameter: -1})


def test_docstring_says_that_looking_stops():
    assert "Looking stops the stream" in CallStreamStatusSensor.__doc__
