"""Every example DAG, run by real Airflow against the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow_process import DagRunner

from airflow_provider_signalwire.simulator.server import SimulatorServer

RECORD_KEYS = {"account_sid", "call_sid", "date_updated", "name", "sid", "status", "uri"}


def running_streams(simulator: SimulatorServer) -> list[str]:
    return [stream["sid"] for stream in simulator.state.snapshot()["streams"] if stream["status"] != "stopped"]


def assert_stopped(record: dict[str, Any], *, call_sid: str, stream_sid: str) -> None:
    assert set(record) == RECORD_KEYS
    assert (record["call_sid"], record["sid"], record["status"]) == (call_sid, stream_sid, "stopped")


def without_mask_requests(log: str) -> str:
    """Leave out the debug lines in which Airflow 3.0 tells itself what to mask; a deployment does not log at debug."""
    return "\n".join(line for line in log.splitlines() if "MaskSecret(" not in line)


@pytest.mark.parametrize("deferrable", [False, True], ids=["synchronous", "deferred"])
def test_stop_call_stream(
    simulator: SimulatorServer, make_dag_runner: Callable[..., DagRunner], deferrable: bool
) -> None:
    simulator.reset(stop_delay_ms=300)
    (call,) = simulator.seed(streams=[{"name": "bot"}, {"name": "other"}])
    sid, other_sid = (stream["sid"] for stream in call["streams"])
    runner = make_dag_runner(**{"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"} if deferrable else {})

    result = runner.run("stop_call_stream", {"call_sid": call["sid"], "stream_sid": sid})

    assert result.state == "success"
    assert result.task_states == {"stop_call_stream": "success"}
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=sid)
    assert running_streams(simulator) == [other_sid]
    assert result.triggers == (["CallStreamStoppedTrigger"] if deferrable else [])


def test_stop_call_stream_by_name_on_an_ended_call(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed(streams=[{"name": "bot"}], status="completed")

    result = dag_runner.run("stop_call_stream", {"call_sid": call["sid"], "stream_sid": "bot"})

    assert result.state == "success"
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid="bot")


def test_stop_call_stream_fails_on_an_unknown_stream(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed(streams=[{"name": "bot"}])

    result = dag_runner.run("stop_call_stream", {"call_sid": call["sid"], "stream_sid": "typo"})

    assert result.state == "failed"
    assert result.task_states == {"stop_call_stream": "failed"}
    assert result.xcom("stop_call_stream") is None
    assert "SignalWireNotFoundError" in result.log
    assert simulator.token not in without_mask_requests(result.log)


def test_call_stream_lifecycle(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    simulator.reset(stop_delay_ms=300)
    (call,) = simulator.seed()

    result = dag_runner.run("call_stream_lifecycle", {"call_sid": call["sid"], "url": "wss://bot.example.com/audio"})

    assert result.state == "success"
    assert set(result.task_states.values()) == {"success"}
    started = result.xcom("start_call_stream")
    assert set(started) == RECORD_KEYS
    assert started["name"] == "call_stream_lifecycle.start_call_stream"
    assert started["sid"] in result.xcom("work_with_audio")
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=started["sid"])
    assert running_streams(simulator) == []


def test_call_stream_lifecycle_stops_the_stream_of_failed_work(
    simulator: SimulatorServer, dag_runner: DagRunner
) -> None:
    (call,) = simulator.seed()
    conf = {"call_sid": call["sid"], "url": "wss://bot.example.com/audio"}

    result = dag_runner.run("call_stream_lifecycle", conf, failing_task="work_with_audio")

    assert result.state == "failed"
    assert result.task_states == {
        "start_call_stream": "success",
        "work_with_audio": "failed",
        "use_result": "upstream_failed",
        "stop_call_stream": "success",
    }
    stream_sid = result.xcom("start_call_stream")["sid"]
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=stream_sid)
    assert running_streams(simulator) == []


def test_call_stream_lifecycle_fails_if_the_stop_fails(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed()
    stop = {"method": "POST", "path_contains": "/Streams/"}
    simulator.set_faults([{"match": stop, "times": 1, "kind": "status", "status": 401}])
    conf = {"call_sid": call["sid"], "url": "wss://bot.example.com/audio"}

    result = dag_runner.run("call_stream_lifecycle", conf)

    assert result.state == "failed"
    assert result.task_states == {
        "start_call_stream": "success",
        "work_with_audio": "success",
        "use_result": "success",
        "stop_call_stream": "failed",
    }


def test_stop_mapped_streams(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    calls = simulator.seed(count=3, streams=[{"name": "bot"}])
    streams = [{"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]} for call in calls]
    gone = {"call_sid": calls[0]["sid"], "stream_sid": "gone"}

    result = dag_runner.run("stop_mapped_streams", {"streams": [*streams, gone]})

    assert result.state == "success"
    assert result.task_states == {"find_streams": "success", "stop_call_stream": "success"}
    *records, missing = result.xcoms("stop_call_stream")
    for record, stream in zip(records, streams, strict=True):
        assert_stopped(record, **stream)
    assert missing is None
    assert running_streams(simulator) == []
