"""StopCallStreamsOperator against the simulator."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_signalwire.batch import runner as stream_batch
from airflow_provider_signalwire.batch import summary as batch_tally
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireConfigurationError,
    SignalWireError,
)
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.simulator.server import SimulatorServer

pytestmark = pytest.mark.usefixtures("connection")

Rows = list[dict[str, str]]


def seeded(simulator: SimulatorServer, count: int) -> Rows:
    calls = simulator.seed(count=count, streams=[{"name": "audio", "url": "wss://bot.example.com/"}])
    return [{"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]} for call in calls]


def running(simulator: SimulatorServer) -> int:
    return int(simulator.state.snapshot()["counts"]["running_streams"])


def stop(context: dict[str, Any], streams: Any, **arguments: Any) -> dict[str, Any]:
    return StopCallStreamsOperator(task_id="stop", streams=streams, **arguments).execute(context)


def test_every_stream_is_stopped(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    rows = seeded(simulator, 300)
    summary = stop(context, rows)
    assert running(simulator) == 0
    assert len(simulator.requests()) == 300
    seconds = summary.pop("seconds")
    assert 0 < seconds < 60
    assert summary == {
        "requested": 300,
        "duplicates": 0,
        "stopped": 300,
        "already_ended": 0,
        "missing": 0,
        "failed": 0,
        "retried_requests": 0,
        "failures": [],
        "failures_not_listed": 0,
    }


def test_records_are_returned_when_asked_for(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    rows = seeded(simulator, 3)
    records = stop(context, rows, return_records=True)["records"]
    assert {record["sid"] for record in records} == {row["stream_sid"] for row in rows}
    assert all(len(record) == 7 for record in records)


def test_rows_from_a_file(simulator: SimulatorServer, context: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "streams.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in seeded(simulator, 20)))
    assert stop(context, str(path))["stopped"] == 20
    assert running(simulator) == 0


def test_duplicates_are_stopped_once(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    rows = seeded(simulator, 5)
    summary = stop(context, rows * 3)
    assert (summary["requested"], summary["duplicates"], summary["stopped"]) == (15, 10, 5)
    assert len(simulator.requests()) == 5


def test_empty_list_is_a_success(
    simulator: SimulatorServer, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        summary = stop(context, [])
    assert (summary["requested"], summary["stopped"]) == (0, 0)
    assert "There are no streams to stop." in caplog.text
    assert simulator.requests() == []


def test_one_bad_stream_never_stops_the_rest(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    good = seeded(simulator, 30)
    ended = seeded(simulator, 1)[0]
    simulator.state.end_call(ended["call_sid"])
    unknown = {"call_sid": good[0]["call_sid"], "stream_sid": "unknown"}
    with pytest.raises(SignalWireBatchRefusedError, match="1 of 32 streams could not be stopped") as raised:
        stop(context, [unknown, ended, *good])
    assert "stop stream 'unknown'" in str(raised.value)
    assert running(simulator) == 0
    summary = context["ti"].pushed["return_value"]
    assert (summary["stopped"], summary["already_ended"], summary["missing"], summary["failed"]) == (30, 1, 1, 0)
    assert [failure["error"] for failure in summary["failures"]] == ["SignalWireNotFoundError"]
    assert summary["failures"][0]["stream_sid"] == "unknown"


def test_missing_streams_can_be_ignored(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    call_sid = seeded(simulator, 1)[0]["call_sid"]
    summary = stop(context, [{"call_sid": call_sid, "stream_sid": "unknown"}], ignore_if_missing=True)
    assert (summary["missing"], summary["failures"]) == (1, [])


def test_what_a_retry_may_mend_leaves_the_retry(
    simulator: SimulatorServer, context: dict[str, Any], make_connection: Any
) -> None:
    make_connection(extra={"max_attempts": 1})
    rows = seeded(simulator, 10)
    broken = rows[3]["stream_sid"]
    simulator.set_faults([{"match": {"path_contains": broken}, "kind": "status", "status": 503, "times": None}])
    with pytest.raises(SignalWireBatchError, match="1 of 10") as raised:
        stop(context, rows)
    assert not isinstance(raised.value, SignalWireBatchRefusedError)
    assert running(simulator) == 1
    assert context["ti"].pushed["return_value"]["failed"] == 1


def test_failures_do_not_fail_the_task_if_so_wished(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    call_sid = seeded(simulator, 1)[0]["call_sid"]
    summary = stop(context, [{"call_sid": call_sid, "stream_sid": "unknown"}], fail_on_error=False)
    assert len(summary["failures"]) == 1


def test_listed_failures_are_capped_and_the_cap_is_said(
    simulator: SimulatorServer, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_tally, "MAX_FAILURES_LISTED", 3)
    call_sid = seeded(simulator, 1)[0]["call_sid"]
    rows = [{"call_sid": call_sid, "stream_sid": f"unknown {number}"} for number in range(5)]
    summary = stop(context, rows, fail_on_error=False)
    assert (len(summary["failures"]), summary["failures_not_listed"], summary["missing"]) == (3, 2, 5)


def test_faults_are_retried_and_counted(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    rows = seeded(simulator, 50)
    simulator.set_faults(
        [
            {"match": {"method": "POST"}, "kind": "reset", "when": "after", "times": 2},
            {"match": {"method": "POST"}, "kind": "status", "status": 503, "times": 2},
        ]
    )
    summary = stop(context, rows)
    assert (summary["stopped"], summary["retried_requests"]) == (50, 4)
    assert running(simulator) == 0


def test_too_many_requests_pause_everybody(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    rows = seeded(simulator, 200)
    limited = {"match": {"method": "POST"}, "kind": "status", "status": 429, "headers": {"Retry-After": "1"}}
    simulator.set_faults([{**limited, "skip": 20, "times": 1}])
    summary = stop(context, rows, max_concurrency=5)
    requests = simulator.requests()
    refused_at = next(request["timestamp"] for request in requests if request["status"] == 429)
    during_pause = [r for r in requests if refused_at + 0.2 < r["timestamp"] < refused_at + 0.9]
    assert during_pause == []
    assert (summary["stopped"], summary["retried_requests"]) == (200, 1)


def test_rate_is_kept(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    summary = stop(context, seeded(simulator, 60), max_requests_per_second=100)
    assert summary["seconds"] >= 0.5


def test_concurrency_is_kept(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    simulator.reset(latency_ms=50, stop_delay_ms=0)
    rows = seeded(simulator, 40)
    started = time.monotonic()
    stop(context, rows, max_concurrency=4)
    assert time.monotonic() - started >= 0.45  # forty at 50 ms, four at a time


def test_progress_is_logged(
    simulator: SimulatorServer,
    context: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(stream_batch, "PROGRESS_SECONDS", 0.0)
    with caplog.at_level(logging.INFO):
        stop(context, seeded(simulator, 4), max_concurrency=1)
    assert re.search(
        r"1 of 4 streams done in \d+\.\d s: [\d,]+ a second, 0 failed, 0 missing, \d+ s left\.", caplog.text
    )
    assert re.search(r"4 of 4 streams done in \d+\.\d s: [\d,]+ a second, 0 failed, 0 missing\.", caplog.text)


def test_next_try_does_not_repeat_what_is_finished(
    simulator: SimulatorServer, context: dict[str, Any], make_connection: Any, store: Any
) -> None:
    make_connection(extra={"max_attempts": 1})
    context["task_state_store"] = store
    rows = seeded(simulator, 20)
    broken = rows[7]["stream_sid"]
    simulator.set_faults([{"match": {"path_contains": broken}, "kind": "status", "status": 503, "times": 1}])
    with pytest.raises(SignalWireBatchError):
        stop(context, rows)
    already_sent = len(simulator.requests())
    summary = stop(context, rows)
    later = simulator.requests()[already_sent:]
    assert [request["path"].rsplit("/", 1)[1] for request in later] == [broken]
    assert (summary["stopped"], summary["failed"]) == (20, 0)
    assert store.values == {}


def test_kill_ends_the_batch_promptly_and_says_how_far_it_came(
    simulator: SimulatorServer, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    rows = seeded(simulator, 50)
    hanging = {"match": {"path_contains": rows[25]["stream_sid"]}, "kind": "hang", "seconds": 30, "times": None}
    simulator.set_faults([hanging])
    operator = StopCallStreamsOperator(task_id="stop", streams=rows, max_concurrency=1)
    operator.on_kill()  # before it runs there is nothing to end

    def kill_when_it_hangs() -> None:
        while not simulator.faults()[0]["fired"]:
            pass
        operator.on_kill()

    killer = threading.Thread(target=kill_when_it_hangs)
    killer.start()
    started = time.monotonic()
    with caplog.at_level(logging.INFO), pytest.raises(SignalWireError, match=r"ended from outside\. 25 of 50 streams"):
        operator.execute(context)
    killer.join()
    assert time.monotonic() - started < 5
    assert "25 of 50 streams done" in caplog.text
    assert running(simulator) == 25


def test_refused_login_ends_the_batch_at_once(
    simulator: SimulatorServer, context: dict[str, Any], make_connection: Any
) -> None:
    make_connection(password="wrong")
    with pytest.raises(SignalWireAuthenticationError, match="401"):
        stop(context, seeded(simulator, 100), max_concurrency=4)
    assert len(simulator.requests()) <= 4


def test_login_refused_in_the_middle_stops_none_of_the_rest(
    simulator: SimulatorServer, context: dict[str, Any]
) -> None:
    rows = seeded(simulator, 20)
    simulator.set_faults([{"match": {"method": "POST"}, "kind": "status", "status": 401, "skip": 10, "times": 1}])
    with pytest.raises(SignalWireBatchRefusedError, match="1 of 20"):
        stop(context, rows, max_concurrency=1)
    assert running(simulator) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_concurrency": 0}, "'max_concurrency' is 0"),
        ({"max_requests_per_second": 0.5}, "'max_requests_per_second' is 0.5"),
        ({"max_concurrency": "many"}, "'max_concurrency' is 'many'"),
    ],
)
def test_wrong_limits(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignalWireConfigurationError, match=message):
        StopCallStreamsOperator(task_id="stop", streams=[], **arguments)


def test_wrong_row_is_told_before_the_first_request(simulator: SimulatorServer, context: dict[str, Any]) -> None:
    with pytest.raises(SignalWireConfigurationError, match="Row 4 has no 'stream_sid'"):
        stop(context, [*seeded(simulator, 3), {"call_sid": "C"}])
    assert simulator.requests() == []
