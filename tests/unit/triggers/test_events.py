"""An event is accepted only if it is this task's success."""

from __future__ import annotations

import json

import pytest

from airflow_provider_signalwire.client.protocol.stream_parents import CALL as CALL_PARENT
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.triggers.events import call_record_of, stream_record_of, success_event

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


def test_success_event_is_accepted_by_the_task_that_asked():
    event = json.loads(json.dumps(success_event({**STREAM, "sid": "ST9"}, call_sid="CA1", stream_sid="ST1")))
    assert read_stream(event)["sid"] == "ST9"
    with pytest.raises(SignalWireError, match="does not fit this task"):
        read_stream(event, parent_sid="CA2")
    event = success_event({**CALL, "sid": "CA9"}, call_sid="CA1")
    assert read_call(event)["sid"] == "CA9"
    with pytest.raises(SignalWireError, match="does not fit this task"):
        read_call(event, call_sid="CA2")


@pytest.mark.parametrize(
    "event",
    [
        {"status": "success", "record": {**CALL, "status": "in-progress"}},
        {"status": "success", "record": {**CALL, "status": "failed"}, "requested": {"call_sid": "CA1"}},
        {"status": "success", "record": {**CALL, "sid": "CA2"}},
        {"status": "success", "record": {**STREAM, "sid": "ST2", "name": "other"}},
        {"status": "success", "record": {**STREAM, "status": "queued"}},
        {"status": "success", "record": {"status": "completed"}},
        {"status": "success", "record": [CALL]},
        {"status": ["success"], "record": CALL},
        {"status": "success", "record": None},
        None,
        ["success", {"record": CALL}],
        {"x": "long" * 500},
    ],
    ids=lambda event: repr(event)[:60],
)
def test_any_other_event_fails_and_is_quoted_briefly(event):
    for read in (read_call, read_stream):
        with pytest.raises(SignalWireError, match="does not fit this task") as caught:
            read(event)
        assert repr(event)[:50] in str(caught.value)
        assert len(str(caught.value)) < 500


def test_other_event_is_not_a_missing_stream():
    assert read_stream({"status": "success", "record": None}, ignore_if_missing=True) is None
    with pytest.raises(SignalWireError, match="does not fit this task"):
        read_stream({"record": None}, ignore_if_missing=True)
