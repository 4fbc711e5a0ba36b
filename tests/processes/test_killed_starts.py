"""Start tasks are killed in real processes: no stream is left running without a warning in the log."""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from killed_task import KilledTask, Relay, Supervisors, is_alive, unreachable_port, wait_until

from airflow_provider_signalwire.simulator.server import SimulatorServer

DAGS = Path(__file__).parent / "killed_dags"
NAME = r"killed_starts\.start\w*"
MAY_BE_RUNNING = rf"A stream named '{NAME}' may be running on call '{{}}' since \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d"
INTENT, XCOM, END = ["PUT", "/store/ti/"], ["POST", "/xcoms/"], ["PATCH", "/state"]
XCOM_PUSHES = 8  # the record's seven keys, and the record

_run_ids = itertools.count()


@pytest.fixture(scope="module")
def relay(shared_simulator: SimulatorServer) -> Iterator[Relay]:
    with Relay(shared_simulator.port) as relay:
        yield relay
        relay.release.set()


@pytest.fixture(scope="module")
def unreachable() -> Iterator[int]:
    with unreachable_port() as port:
        yield port


@pytest.fixture(scope="module")
def supervisors(
    airflow_database: Path,
    shared_simulator: SimulatorServer,
    relay: Relay,
    unreachable: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Supervisors]:
    folder = tmp_path_factory.mktemp("killed")
    bundle = {
        "name": "killed_starts",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAGS)},
    }

    def connection(url: str) -> str:
        login = {"login": shared_simulator.project, "password": shared_simulator.token}
        extra = {"connect_timeout": 20, "max_attempts": 2}
        return json.dumps({"conn_type": "signalwire", "host": url, **login, "extra": extra})

    supervisors = Supervisors(
        folder,
        {
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__API_AUTH__JWT_SECRET": "for the API in the process",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
            "AIRFLOW_CONN_SIGNALWIRE_DEFAULT": connection(relay.origin),
            "AIRFLOW_CONN_UNREACHABLE": connection(f"http://127.0.0.1:{unreachable}"),
        },
    )
    yield supervisors
    supervisors.close()


@pytest.fixture
def call_sid(simulator: SimulatorServer) -> str:
    [call] = simulator.seed()
    return str(call["sid"])


@pytest.fixture
def make_task(supervisors: Supervisors, relay: Relay, call_sid: str) -> Iterator[Callable[..., KilledTask]]:
    relay.hold(None)
    tasks = []

    def make(task_id: str = "start", *, conn_id: str = "signalwire_default", conference_sid: str = "") -> KilledTask:
        conf = {"call_sid": call_sid, "conference_sid": conference_sid, "conn_id": conn_id}
        tasks.append(KilledTask(supervisors, f"run{next(_run_ids)}", task_id, conf))
        return tasks[-1]

    yield make
    relay.release.set()
    for task in tasks:
        task.release()
        for process in (task.process, task.supervisor):
            if is_alive(process):
                process.kill()


@pytest.fixture
def task(make_task: Callable[..., KilledTask]) -> KilledTask:
    return make_task()


def running(simulator: SimulatorServer) -> list[dict[str, Any]]:
    return [stream for stream in simulator.state.snapshot()["streams"] if stream["status"] != "stopped"]


def log_says_stream_may_be_running(log: str, call_sid: str) -> bool:
    return re.search(MAY_BE_RUNNING.format(call_sid), log) is not None


def assert_none_left_unreported(simulator: SimulatorServer, task: KilledTask, call_sid: str) -> None:
    assert not running(simulator) or log_says_stream_may_be_running(task.log(), call_sid), task.log()


@pytest.mark.parametrize(
    ("hold", "starts"),
    [
        pytest.param([*INTENT, 1, "before"], 0, id="before the intent is stored"),
        pytest.param([*INTENT, 1, "after"], 0, id="after the intent is stored"),
        pytest.param([*XCOM, 1, "before"], 1, id="response arrived"),
        pytest.param([*XCOM, 1, "after"], 1, id="first XCom written"),
        pytest.param([*XCOM, 4, "before"], 1, id="some XComs written"),
        pytest.param([*XCOM, XCOM_PUSHES, "after"], 1, id="all XComs written"),
    ],
)
def test_task_terminated_while_airflow_responds_leaves_no_stream(simulator, task, call_sid, hold, starts):
    task.begin(hold=hold)
    task.wait_until_held()
    task.process.send_signal(signal.SIGTERM)
    task.release()
    task.wait_for_end()

    assert running(simulator) == [], task.log()
    assert len(simulator.state.snapshot()["streams"]) == starts


@pytest.mark.parametrize("moment", ["before", "after"])
def test_task_terminated_while_airflow_does_not_respond_leaves_no_stream(simulator, task, call_sid, moment):
    task.begin(hold=[*XCOM, 2, moment])
    task.wait_until_held()
    task.terminate()

    assert running(simulator) == [], task.log()


def test_task_terminated_while_connecting_log_says_stream_may_be_running(simulator, make_task, call_sid, unreachable):
    task = make_task(conn_id="unreachable")
    task.begin()
    is_connecting = lambda: any(  # noqa: E731
        socket.status == psutil.CONN_SYN_SENT for socket in task.process.net_connections() if socket.raddr
    )
    wait_until(is_connecting, "the task connects")
    task.terminate()

    assert log_says_stream_may_be_running(task.log(), call_sid)


@pytest.mark.parametrize("part", ["request", "response"])
def test_task_terminated_while_start_is_pending_leaves_no_stream_unreported(simulator, relay, task, call_sid, part):
    relay.hold(part)
    task.begin()
    assert relay.held.wait(60), task.log()
    task.terminate()
    if part == "response":
        assert running(simulator) == [], task.log()
    relay.release.set()  # the request is processed only now, which no client can notice
    wait_until(lambda: simulator.state.snapshot()["streams"], "the start was processed")

    assert_none_left_unreported(simulator, task, call_sid)


def test_start_on_a_conference_that_is_terminated_leaves_no_stream(simulator, relay, make_task):
    [conference] = simulator.seed_conferences()
    task = make_task("start_on_conference", conference_sid=conference["sid"])
    relay.hold("response")
    task.begin()
    assert relay.held.wait(60), task.log()
    task.terminate()

    [stream] = simulator.state.snapshot()["streams"]
    assert stream["conference_sid"] == conference["sid"]
    assert running(simulator) == [], task.log()


def test_start_processed_late_but_before_the_kill_is_stopped(simulator, relay, task, call_sid):
    relay.hold("request")
    task.begin()
    assert relay.held.wait(60), task.log()
    task.process.send_signal(signal.SIGTERM)
    wait_until(lambda: simulator.requests("/Streams/"), "the stream was not found")
    relay.release.set()
    task.wait_for_end()

    assert len(simulator.state.snapshot()["streams"]) == 1
    assert running(simulator) == [], task.log()


def test_task_terminated_after_execute_leaves_no_stream(simulator, make_task):
    task = make_task("start_then_hold")
    task.begin()
    task.wait_until_held()
    task.process.send_signal(signal.SIGTERM)
    task.wait_for_end()

    assert len(simulator.state.snapshot()["streams"]) == 1
    assert running(simulator) == [], task.log()


def test_task_terminated_while_it_reports_success_keeps_its_stream(simulator, task, call_sid):
    task.begin(hold=[*END, 1, "after"])
    task.wait_until_held()
    task.process.send_signal(signal.SIGTERM)
    task.release()
    task.wait_for_end()

    assert "told to end while it reported its success" in task.log()
    assert task.do("state") == "success"
    assert len(running(simulator)) == 1


@pytest.mark.parametrize("part", ["request", "response"])
def test_execution_timeout_leaves_no_stream_unreported(simulator, relay, make_task, call_sid, part):
    relay.hold(part)
    task = make_task("start_in_time")
    task.begin()
    task.wait_for_end()
    relay.release.set()

    assert "AirflowTaskTimeout" in task.log()
    if part == "response":
        assert running(simulator) == [], task.log()
    wait_until(lambda: simulator.state.snapshot()["streams"], "the start was processed")
    assert_none_left_unreported(simulator, task, call_sid)


def test_failed_xcom_push_leaves_no_stream(simulator, task):
    task.begin(failing=XCOM)
    task.wait_for_end()

    assert len(simulator.state.snapshot()["streams"]) == 1
    assert running(simulator) == [], task.log()


@pytest.mark.parametrize("action", ["mark_failed", "clear"])
def test_action_in_ui_leaves_no_stream(simulator, relay, task, action):
    relay.hold("response")
    task.begin()
    assert relay.held.wait(60), task.log()
    begun = time.monotonic()
    task.do(action)
    task.wait_for_end()

    assert time.monotonic() - begun < 10
    assert running(simulator) == [], task.log()


@pytest.mark.parametrize("part", ["request", "response"])
def test_retry_after_sigkill_stops_what_the_killed_try_started(simulator, relay, task, call_sid, part):
    relay.hold(part)
    task.begin()
    assert relay.held.wait(60), task.log()
    task.process.kill()
    task.wait_for_end()
    assert re.search(rf"Starting stream '{NAME}' on call '{call_sid}'", task.log(1))
    relay.release.set()
    wait_until(lambda: running(simulator), "the start was processed")

    task.do("give_up")
    task.begin()
    task.wait_for_end()
    assert task.do("state") == "success", task.log(2)
    [stream] = running(simulator)
    assert len(simulator.state.snapshot()["streams"]) == 2
    assert stream["sid"] in task.log(2)


@pytest.mark.parametrize("ending", ["lost response", "SIGTERM", "supervisor goes on"])
def test_try_that_airflow_gave_up_never_stops_its_successors_stream(simulator, relay, task, call_sid, ending):
    relay.hold("request")
    task.begin()
    assert relay.held.wait(60), task.log()
    orphan, supervisor, release = task.process, task.supervisor, relay.release
    if ending == "supervisor goes on":
        supervisor.suspend()
    else:
        supervisor.kill()
        wait_until(lambda: not is_alive(supervisor), "the supervisor is gone")
    task.do("give_up")
    task.begin()
    task.wait_for_end()
    assert task.do("state") == "success", task.log(2)
    assert is_alive(orphan)

    relay.loses_response = True
    if ending == "SIGTERM":
        orphan.send_signal(signal.SIGTERM)
    elif ending == "supervisor goes on":
        supervisor.resume()  # its next heartbeat is refused, so it sends SIGTERM
        wait_until(lambda: not is_alive(orphan), "the orphan has ended")
    release.set()
    wait_until(lambda: not is_alive(orphan), "the orphan has ended")
    [stream] = running(simulator)
    assert stream["sid"] in task.log(2)
    # The only stop is the second try's, before its start.
    assert [stop["status"] for stop in simulator.requests("/Streams/")] == [404]


def test_task_stops_its_stream_while_airflow_is_unreachable(simulator, relay, task):
    relay.hold("response")
    task.begin()
    assert relay.held.wait(60), task.log()
    (task.folder / "unreachable").touch()
    task.terminate()

    assert len(simulator.state.snapshot()["streams"]) == 1
    assert running(simulator) == [], task.log()


def test_only_a_cleared_task_makes_a_second_call(simulator, make_task):
    def calls_made():
        return [request for request in simulator.requests("/Calls") if request["method"] == "POST"]

    task = make_task("create_call")
    task.begin(hold=[*XCOM, 1, "before"])
    task.wait_until_held()
    task.process.kill()
    task.wait_for_end()
    assert len(calls_made()) == 1

    task.do("give_up")
    task.begin()
    task.wait_for_end()
    assert task.do("state") == "failed", task.log()
    assert len(calls_made()) == 1

    for calls in (2, 3):  # a failed task is cleared, then a successful one
        task.do("clear")
        task.begin()
        task.wait_for_end()
        assert task.do("state") == "success", task.log()
        assert len(calls_made()) == calls


# The intent of the start, then the stream that a retry resumes.
RUN_STORED = ["PUT", "/store/ti/", 2, "after"]


def test_retry_after_sigkill_resumes_the_stream_of_a_run(simulator, make_task):
    task = make_task("run")
    task.begin(hold=RUN_STORED)
    task.wait_until_held()
    task.process.kill()
    task.wait_for_end()
    [stream] = running(simulator)

    task.do("give_up")
    task.begin()
    task.wait_for_end()

    assert task.do("state") == "deferred", task.log(2)
    assert f"Resuming stream '{stream['sid']}'" in task.log(2)
    assert [each["sid"] for each in simulator.state.snapshot()["streams"]] == [stream["sid"]]


def test_run_terminated_after_its_start_leaves_no_stream(simulator, make_task):
    task = make_task("run")
    task.begin(hold=RUN_STORED)
    task.wait_until_held()
    task.process.send_signal(signal.SIGTERM)
    task.release()
    task.wait_for_end()

    assert len(simulator.state.snapshot()["streams"]) == 1
    assert running(simulator) == [], task.log()
