"""One line in the log for a stop, whoever asks for it."""

from __future__ import annotations

import logging
import re

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_signalwire.exceptions import SignalWireNotFoundError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

LINE = re.compile(
    r"Stream '(?P<stream>[^']+)' on call '(?P<call>[^']+)' is (?P<status>.+) "
    r"\(attempts (?P<attempts>\d+), (?P<milliseconds>\d+) ms, request id (?P<request_id>[^ ]+)\)\."
)


def read(line):
    match = LINE.fullmatch(line)
    assert match, line
    return match


def request_ids(simulator):
    """What the simulator answered the stops with."""
    return [request["request_id"] for request in simulator.requests() if request["method"] == "POST"]


def stop_by_hook(connection, stream, context):
    return SignalWireHook(connection).stop_call_stream(**stream)


def stop_by_operator(connection, stream, context):
    return StopCallStreamOperator(task_id="stop", **stream).execute(context)


def stop_by_sensor(connection, stream, context):
    return CallStreamStatusSensor(task_id="wait", **stream).poke(context).xcom_value


@pytest.mark.parametrize("stop", [stop_by_hook, stop_by_operator, stop_by_sensor])
class TestAStop:
    def test_is_one_line(self, stop, simulator, connection, stream, context, stop_lines):
        record = stop(connection, stream, context)
        [line] = map(read, stop_lines())
        assert (line["call"], line["stream"], line["status"]) == (*stream.values(), repr(record["status"]))
        assert line["attempts"] == "1"
        assert [line["request_id"]] == request_ids(simulator)

    def test_tells_its_attempts_and_the_time_they_took(self, stop, simulator, connection, stream, context, stop_lines):
        simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}])
        record = stop(connection, stream, context)
        [line] = map(read, stop_lines())
        assert line["attempts"] == "2"
        assert 1000 <= int(line["milliseconds"]) < 60_000
        assert line["request_id"] == request_ids(simulator)[-1]
        assert set(record) == {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}

    def test_of_a_stream_that_ended_with_its_call_says_so(
        self, stop, simulator, connection, stream, context, stop_lines
    ):
        simulator.state.end_call(stream["call_sid"])
        simulator.set_faults([{"kind": "status", "status": 404, "match": {"method": "POST"}}])
        stop(connection, stream, context)
        [line] = map(read, stop_lines())
        assert line["status"] == "'stopped': its call has ended"
        assert [line["request_id"]] == request_ids(simulator)

    def test_without_a_request_id_says_so(self, stop, simulator, connection, stream, context, stop_lines, monkeypatch):
        monkeypatch.setattr("airflow_provider_signalwire.client.protocol.responses._REQUEST_ID_HEADERS", ())
        stop(connection, stream, context)
        [line] = map(read, stop_lines())
        assert line["request_id"] == "unknown"


def test_a_missing_stream_is_one_line_if_it_may_be(connection, stream, context, stop_lines):
    missing = {**stream, "stream_sid": "missing"}
    StopCallStreamOperator(task_id="stop", ignore_if_missing=True, **missing).execute(context)
    [line] = map(read, stop_lines())
    assert line["status"] == "missing, which is no error here"


def test_a_stop_that_fails_leaves_it_to_the_error(connection, stream, stop_lines):
    with pytest.raises(SignalWireNotFoundError):
        SignalWireHook(connection).stop_call_stream(stream["call_sid"], "missing")
    assert stop_lines() == []


class TestAWait:
    """A line when the status is another one, and none for the looks between."""

    @pytest.fixture
    def stream(self, simulator):
        simulator.reset(stop_delay_ms=600)
        [call] = simulator.seed(streams=[{"name": "slow"}])
        return {"call_sid": call["sid"], "stream_sid": "slow"}

    def statuses(self, lines):
        return [read(line)["status"] for line in lines]

    def test_of_the_operator(self, simulator, connection, stream, context, stop_lines):
        StopCallStreamOperator(
            task_id="stop", wait_for_completion=True, poll_interval=0.1, deferrable=False, **stream
        ).execute(context)
        assert self.statuses(stop_lines()) == ["'queued'", "'stopped'"]
        assert len(request_ids(simulator)) > 2
        assert read(stop_lines()[-1])["request_id"] == request_ids(simulator)[-1]

    def test_of_the_operator_deferred(self, connection, stream, context, stop_lines, run_trigger):
        operator = StopCallStreamOperator(
            task_id="stop", wait_for_completion=True, poll_interval=0.1, deferrable=True, **stream
        )
        with pytest.raises(TaskDeferred) as deferral:
            operator.execute(context)
        assert self.statuses(stop_lines()) == ["'queued'"]
        event = run_trigger(deferral.value.trigger)
        assert operator.execute_complete(context, event)["status"] == "stopped"
        assert self.statuses(stop_lines()) == ["'queued'", "'stopped'"]

    def test_of_the_sensor(self, simulator, connection, stream, context, stop_lines):
        sensor = CallStreamStatusSensor(task_id="wait", poke_interval=0.1, timeout=20, deferrable=False, **stream)
        for _ in range(3):
            assert not sensor.poke(context).is_done
        assert self.statuses(stop_lines()) == ["'queued'"]

    def test_says_nothing_else_about_the_stream(self, connection, stream, context, stop_lines, caplog):
        StopCallStreamOperator(task_id="stop", wait_for_completion=True, poll_interval=0.1, **stream).execute(context)
        about_it = [record.getMessage() for record in caplog.records if "slow" in record.getMessage()]
        assert [line for line in about_it if "http" not in line and "/Streams/" not in line] == stop_lines()


def test_a_batch_keeps_them_for_debug(simulator, connection, context, stop_lines):
    calls = simulator.seed(count=30, streams=[{"name": "media"}])
    rows = [{"call_sid": call["sid"], "stream_sid": "media"} for call in calls]
    StopCallStreamsOperator(task_id="stop", streams=rows).execute(context)
    assert stop_lines(logging.INFO) == []
    lines = list(map(read, stop_lines(logging.DEBUG)))
    assert {line["call"] for line in lines} == {call["sid"] for call in calls}
    assert sorted(line["request_id"] for line in lines) == sorted(request_ids(simulator))
