"""Run every example DAG in a real Airflow against the simulator."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from airflow_features import skip_without_journal
from example_runs import BOT, EXAMPLE_DAGS, DagRunner
from simulated import http_status, running, stop_returns

import airflow_provider_signalwire
from airflow_provider_signalwire.simulator.server import SimulatorServer

# The journal requires Airflow 3.2, approval 3.1.
REQUIRE_NEWER_AIRFLOW = {"journaled_stream_cleanup", "approved_stream_cleanup"}
RECORD_KEYS = {"account_sid", "call_sid", "date_updated", "name", "sid", "status", "uri"}


def assert_stopped(record: dict[str, Any], *, call_sid: str, stream_sid: str) -> None:
    assert set(record) == RECORD_KEYS
    assert (record["call_sid"], record["sid"], record["status"]) == (call_sid, stream_sid, "stopped")


def without_supervisor_messages(log: str) -> str:
    """Remove the messages in which a task sends secrets to its supervisor, which masks them.

    Airflow 3.0 logs these messages, but only in ``dag.test()`` or at debug level.
    """
    messages = ("msg=MaskSecret(", "msg=SetRenderedFields(")
    return "\n".join(line for line in log.splitlines() if not any(message in line for message in messages))


@pytest.mark.parametrize("deferrable", [False, True], ids=["synchronous", "deferred"])
def test_stop_call_stream(simulator: SimulatorServer, dag_runner: DagRunner, deferrable: bool) -> None:
    simulator.reset(stop_delay_ms=300)
    (call,) = simulator.seed(streams=[{"name": "bot"}, {"name": "other"}])
    sid, other_sid = (stream["sid"] for stream in call["streams"])

    conf = {"call_sid": call["sid"], "stream_sid": sid}

    result = dag_runner.run("stop_call_stream", conf, deferrable=deferrable)

    assert result.state == "success"
    assert result.task_states == {"stop_call_stream": "success"}
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=sid)
    assert running(simulator) == [other_sid]
    assert result.triggers == (["CallStreamStoppedTrigger"] if deferrable else [])


def test_stop_call_stream_by_name_on_ended_call(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed(streams=[{"name": "bot"}], status="completed")

    result = dag_runner.run("stop_call_stream", {"call_sid": call["sid"], "stream_sid": "bot"})

    assert result.state == "success"
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid="bot")


def test_stop_call_stream_fails_on_unknown_stream(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed(streams=[{"name": "bot"}])

    result = dag_runner.run("stop_call_stream", {"call_sid": call["sid"], "stream_sid": "typo"})

    assert result.state == "failed"
    assert result.task_states == {"stop_call_stream": "failed"}
    assert result.xcom("stop_call_stream") is None
    assert "SignalWireNotFoundError" in result.log
    assert simulator.token not in without_supervisor_messages(result.log)


def test_call_stream_lifecycle(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    simulator.reset(stop_delay_ms=300)
    (call,) = simulator.seed()

    result = dag_runner.run("call_stream_lifecycle", {"call_sid": call["sid"]})

    assert result.state == "success"
    assert set(result.task_states.values()) == {"success"}
    started = result.xcom("start_call_stream")
    assert set(started) == RECORD_KEYS
    assert started["name"] == "call_stream_lifecycle.start_call_stream"
    (start,) = (request["form"] for request in simulator.requests("/Streams") if "Url" in request["form"])
    assert start["Url"] == BOT["host"]
    (stream,) = simulator.state.snapshot()["streams"]
    assert stream["authorization_bearer_token"] == "redacted"
    assert BOT["password"] not in without_supervisor_messages(result.log)
    assert started["sid"] in result.xcom("work_with_audio")
    assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=started["sid"])
    assert running(simulator) == []


@pytest.mark.parametrize("work_fails", [False, True], ids=["stop fails", "work fails"])
def test_call_stream_lifecycle_fails_if_work_or_stop_fails(
    simulator: SimulatorServer, dag_runner: DagRunner, work_fails: bool
) -> None:
    (call,) = simulator.seed()
    simulator.set_faults([] if work_fails else [http_status(401, times=1)])
    conf = {"call_sid": call["sid"]}

    result = dag_runner.run("call_stream_lifecycle", conf, failing_task="work_with_audio" if work_fails else None)

    assert result.state == "failed"
    assert result.task_states == {
        "start_call_stream": "success",
        "work_with_audio": "failed" if work_fails else "success",
        "call_stream_work_ended": "success",
        "stop_call_stream": "success" if work_fails else "failed",
    }
    if work_fails:
        stream_sid = result.xcom("start_call_stream")["sid"]
        assert_stopped(result.xcom("stop_call_stream"), call_sid=call["sid"], stream_sid=stream_sid)
        assert running(simulator) == []


@pytest.mark.parametrize("deferrable", [False, True], ids=["synchronous", "deferred"])
def test_conference_stream(simulator: SimulatorServer, dag_runner: DagRunner, deferrable: bool) -> None:
    (conference,) = simulator.seed_conferences()
    simulator.set_faults(stop_returns("queued", "queued"))

    result = dag_runner.run("conference_stream", {"conference_sid": conference["sid"]}, deferrable=deferrable)

    assert result.state == "success"
    assert set(result.task_states.values()) == {"success"}
    started = result.xcom("start_conference_stream")
    assert set(started) == RECORD_KEYS - {"call_sid"} | {"conference_sid"}
    assert started["name"] == "conference_stream.start_conference_stream"
    (start,) = (request["form"] for request in simulator.requests("/Streams") if "Url" in request["form"])
    assert (start["Url"], start["StreamCodec"]) == (BOT["host"], "L16@24000h")
    assert BOT["password"] not in without_supervisor_messages(result.log)
    assert started["sid"] in result.xcom("work_with_audio")
    assert result.xcom("stop_conference_stream")["sid"] == started["sid"]
    stopped = result.xcom("wait_until_stopped")
    assert (stopped["sid"], stopped["status"]) == (started["sid"], "stopped")
    assert running(simulator) == []
    assert result.triggers == (["ConferenceStreamStoppedTrigger"] if deferrable else [])


def test_conference_stream_is_stopped_if_work_fails(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (conference,) = simulator.seed_conferences()

    result = dag_runner.run("conference_stream", {"conference_sid": conference["sid"]}, failing_task="work_with_audio")

    assert result.state == "failed"
    assert result.task_states["stop_conference_stream"] == "success"
    assert running(simulator) == []


def test_run_call_stream(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed()
    read = {"method": "GET", "path_contains": call["sid"]}
    simulator.set_faults([{"match": read, "kind": "patch", "set": {"status": "completed"}}])

    result = dag_runner.run("run_call_stream", {"call_sid": call["sid"]})

    assert result.state == "success"
    assert result.triggers == ["RunCallStreamTrigger"]
    (stream,) = simulator.state.snapshot()["streams"]
    assert_stopped(result.xcom("run_call_stream"), call_sid=call["sid"], stream_sid=stream["sid"])
    assert running(simulator) == []


def test_stop_mapped_streams(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    calls = simulator.seed(count=3, streams=[{"name": "bot"}])
    streams = [{"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]} for call in calls]

    result = dag_runner.run("stop_mapped_streams", {"streams": streams})

    assert result.state == "success"
    assert result.task_states == {"find_streams": "success", "stop_call_stream": "success"}
    for record, stream in zip(result.xcoms("stop_call_stream"), streams, strict=True):
        assert_stopped(record, **stream)
    assert running(simulator) == []


def test_stop_many_streams(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    calls = simulator.seed(count=20, streams=[{"name": "bot"}])
    streams = [{"call_sid": call["sid"], "stream_sid": "bot"} for call in calls]

    result = dag_runner.run("stop_many_streams", {"streams": [*streams, streams[0]]})

    assert result.state == "success"
    assert result.task_states == {"find_streams": "success", "stop_streams": "success"}
    summary = result.xcom("stop_streams")
    counts = {key: summary[key] for key in ("requested", "duplicates", "stopped", "missing", "failed")}
    assert counts == {"requested": 21, "duplicates": 1, "stopped": 20, "missing": 0, "failed": 0}
    assert running(simulator) == []


def test_scheduled_stream_cleanup(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    names = [{"name": "call_stream_lifecycle.start_call_stream"}, {"name": "other"}]
    old_calls = simulator.seed(count=3, age_seconds=5 * 3600, streams=names)
    (young_call,) = simulator.seed(age_seconds=3 * 3600, streams=names)

    result = dag_runner.run("scheduled_stream_cleanup")

    assert result.state == "success"
    summary = result.xcom("stop_forgotten_streams")
    assert (summary["calls"], summary["stopped"], summary["failed"]) == (3, 3, 0)
    others = [call["streams"][1]["sid"] for call in old_calls]
    assert set(running(simulator)) == {*others, *(stream["sid"] for stream in young_call["streams"])}


def test_journaled_stream_cleanup(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    skip_without_journal()
    (call,) = simulator.seed(age_seconds=5 * 3600, streams=[{"name": "other"}])

    result = dag_runner.run("journaled_stream_cleanup")

    assert result.state == "success"
    summary = result.xcom("stop_forgotten_streams")
    assert (summary["running"], summary["stopped"]) == (0, 0)
    assert running(simulator) == [call["streams"][0]["sid"]]


def test_approved_stream_cleanup_skips_approval_without_streams(
    simulator: SimulatorServer, dag_runner: DagRunner
) -> None:
    if "approved_stream_cleanup" not in dag_runner.dags:
        pytest.skip("needs Airflow 3.1 or newer")
    (call,) = simulator.seed(age_seconds=3600, streams=[{"name": "call_stream_lifecycle.start_call_stream"}])

    result = dag_runner.run("approved_stream_cleanup")

    assert result.state == "success"
    assert result.task_states == {
        "list_forgotten_streams": "success",
        "get_streams": "success",
        "approve": "skipped",
        "stop_streams": "skipped",
    }
    assert running(simulator) == [call["streams"][0]["sid"]]


def test_scheduled_stream_cleanup_dry_run_stops_nothing(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    (call,) = simulator.seed(age_seconds=3600, streams=[{"name": "bot"}])
    conf = {"stream_names": ["bot"], "min_call_age_hours": 0.5, "dry_run": True}

    result = dag_runner.run("scheduled_stream_cleanup", conf)

    assert result.state == "success"
    would_stop = result.xcom("stop_forgotten_streams")["would_stop"]
    assert would_stop == [{"call_sid": call["sid"], "stream_sid": "bot"}]
    assert running(simulator) == [call["streams"][0]["sid"]]


def test_make_and_hang_up_call(simulator: SimulatorServer, dag_runner: DagRunner) -> None:
    conf = {"to": "+15550100001", "from": "+15550100002", "url": "https://bot.example.com/laml"}

    result = dag_runner.run("make_and_hang_up_call", conf)

    assert result.state == "success"
    (call,) = simulator.state.snapshot()["calls"]
    assert result.xcom("create_call")["sid"] == call["sid"]
    assert (result.xcom("hang_up")["sid"], result.xcom("hang_up")["status"]) == (call["sid"], "completed")


@pytest.mark.parametrize("failing_task", [None, "work_with_audio"])
def test_calling_stream_lifecycle(simulator: SimulatorServer, dag_runner: DagRunner, failing_task: str | None) -> None:
    (call,) = simulator.seed_native_calls()

    result = dag_runner.run("calling_stream_lifecycle", {"call_id": call["sid"]}, failing_task=failing_task)

    assert result.state == ("failed" if failing_task else "success")
    control_id = result.xcom("start_stream")["control_id"]
    assert control_id.startswith("calling_stream_lifecycle.start_stream.")
    assert result.xcom("stop_stream")["id"] == call["sid"]
    (stream,) = simulator.state.snapshot()["streams"]
    assert (stream["sid"], stream["status"]) == (control_id, "stopped")
    assert BOT["password"] not in without_supervisor_messages(result.log)


@pytest.mark.parametrize("failing_task", [None, "work_with_audio"])
def test_stop_stream_on_failure(simulator: SimulatorServer, dag_runner: DagRunner, failing_task: str | None) -> None:
    (call,) = simulator.seed()

    result = dag_runner.run("stop_stream_on_failure", {"call_sid": call["sid"]}, failing_task=failing_task)

    assert result.state == ("failed" if failing_task else "success")
    started = result.xcom("start_call_stream")["sid"]
    assert running(simulator) == ([] if failing_task else [started])


def test_dag_ids_match_file_names(dag_runner: DagRunner) -> None:
    files = {file.stem: file for file in EXAMPLE_DAGS.glob("*.py")}
    missing = set(files) - set(dag_runner.dags)

    found = {dag_id: Path(dag.fileloc) for dag_id, dag in dag_runner.dags.items()}
    assert found == {name: file for name, file in files.items() if name not in missing}
    assert missing <= REQUIRE_NEWER_AIRFLOW


def test_every_example_dag_is_tested() -> None:
    tested = set(re.findall(r'runner\.run\("(\w+)"', Path(__file__).read_text()))

    assert {file.stem for file in EXAMPLE_DAGS.glob("*.py")} == tested


def test_no_module_uses_deprecated_features() -> None:
    """Importing one fails then, also one that no example DAG uses."""
    for module in pkgutil.walk_packages(airflow_provider_signalwire.__path__, "airflow_provider_signalwire."):
        if not module.name.endswith((".__main__", ".pytest_plugin")):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # the module requires a newer Airflow
                if "needs Airflow" not in str(error):
                    raise
