"""An event is accepted only if it is this task's success; an error arrives as what it was."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from sample_errors import ERRORS

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.client.protocol.stream_parents import CALL as CALL_PARENT
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireTimeoutError
from airflow_provider_signalwire.triggers.events import call_record_of, error_event, stream_record_of, success_event

STREAM = {"sid": "ST1", "call_sid": "CA1", "name": "media", "status": "stopped"}
CALL = {"sid": "CA1", "status": "completed"}


def read_call(event, **requested):
    return call_record_of(event, **{"call_sid": "CA1", "target_statuses": ["completed", "busy"], **requested})


def read_stream(event, **requested):
    ids = {"parent_sid": "CA1", "stream_sid": "ST1"}
    return stream_record_of(event, parent=CALL_PARENT, **{**ids, **requested})


@pytest.mark.parametrize("stream_sid", ["ST1", "st1", "media"])
def test_stopped_stream_of_the_requested_sid_or_name_is_accepted(stream_sid):
    assert read_stream({"status": "success", "record": STREAM}, stream_sid=stream_sid) == STREAM


def test_call_in_a_target_status_is_accepted():
    assert read_call({"status": "success", "record": CALL}) == CALL


def test_success_event_is_accepted_by_the_task_that_asked():
    event = json.loads(json.dumps(success_event({**STREAM, "sid": "ST9"}, call_sid="CA1", stream_sid="ST1")))
    assert read_stream(event)["sid"] == "ST9"
    with pytest.raises(SignalWireError, match="does not fit this task"):
        read_stream(event, parent_sid="CA2")


@pytest.mark.parametrize(
    "event",
    [
        {"status": "success", "record": {**CALL, "status": "in-progress"}},
        {"status": "success", "record": {**CALL, "status": "failed"}, "requested": {"call_sid": "CA1"}},
        {"status": "success", "record": {**CALL, "sid": "CA2"}},
        {"status": "success", "record": STREAM},
        {"status": "success", "record": {"status": "completed"}},
        {"status": "success", "record": [CALL]},
        {"status": ["success"], "record": CALL},
        {"status": "success", "record": None},
        {"status": None, "record": CALL},
        None,
        0,
        ["success", {"record": CALL}],
        {"x": "long" * 500},
    ],
    ids=lambda event: repr(event)[:60],
)
def test_any_other_event_fails_and_is_quoted_briefly(event):
    for read in (read_call, read_stream):
        if read is read_stream and isinstance(event, dict) and event.get("record") == STREAM:
            continue
        with pytest.raises(SignalWireError, match="does not fit this task") as caught:
            read(event)
        assert repr(event)[:50] in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_error_arrives_as_what_it_was(error):
    event = json.loads(json.dumps(error_event(error)))
    with pytest.raises(SignalWireError) as caught:
        read_call(event)
    assert type(caught.value) is type(error)
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))
    assert isinstance(caught.value, AirflowFailException) == isinstance(error, AirflowFailException)


def test_execution_timeout_arrives_as_a_task_timeout():
    with pytest.raises(AirflowTaskTimeout, match="Too late"):
        read_stream(error_event(SignalWireTimeoutError("Too late.", limit="execution_timeout")))


@pytest.mark.parametrize("event", [{"error": "KeyError"}, {}, {"error": None, "attributes": None}, {"error": [1]}])
def test_error_of_another_version_is_still_an_error(event):
    with pytest.raises(SignalWireError, match="What"):
        read_call({"status": "error", "message": "What?", **event})
