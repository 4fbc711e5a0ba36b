"""A batch that is ended from outside: real processes, real signals, at any moment."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

pytestmark = pytest.mark.usefixtures("connection")

WORKER = Path(__file__).with_name("batch_worker.py")
SECONDS_TO_END = 20  # on a busy machine; a hang never ends


class Ended(NamedTuple):
    """How a batch ended that was sent a signal."""

    outcome: str | None
    was_executing: bool
    signalled_at: float


class Worker:
    def __init__(self, environment):
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.run({"kind": "rows", "streams": []})  # it has imported everything

    def run(self, job, *, signum=0, after=0.0, when=lambda: True):
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        signalled_at = []

        def send_signal():
            while not when():
                time.sleep(0.02)
            signalled_at.append(time.time())  # the thread may start late
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(child, signum)

        timer = threading.Timer(after, send_signal)
        killer = threading.Timer(after + SECONDS_TO_END, os.kill, (child, signal.SIGKILL))
        timer.start()
        killer.start()
        result = json.loads(self._process.stdout.readline())
        timer.cancel()
        killer.cancel()
        assert result is not None or signum == signal.SIGKILL, "The batch hung."
        end = result or {"outcome": None, "was_executing": True}
        return Ended(**end, signalled_at=signalled_at[0] if signalled_at else math.inf)

    def end(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def worker(shared_simulator):
    connection = {
        "conn_type": "signalwire",
        "host": shared_simulator.url,
        "login": shared_simulator.project,
        "password": shared_simulator.token,
        "extra": {"timeout": 2, "max_retry_seconds": 5},
    }
    worker = Worker({**os.environ, "AIRFLOW_CONN_SIGNALWIRE_DEFAULT": json.dumps(connection)})
    yield worker
    worker.end()


@pytest.mark.parametrize(
    ("signum", "error"),
    [(signal.SIGTERM, "SignalWireError: The "), (signal.SIGALRM, "AirflowTaskTimeout: Timeout")],
    ids=["kill", "execution_timeout"],
)
def test_signal_at_any_moment_ends_the_batch_and_is_never_lost(worker, simulator, seed_rows, signum, error):
    simulator.reset(latency_ms=20, stop_delay_ms=0)
    chance = random.Random(signum)
    rows = seed_rows(700)
    ended = []
    for number in range(8):
        job = {"kind": ["rows", "slow rows", "cleanup", "unreachable Airflow"][number % 4], "streams": rows}
        end = worker.run(job, signum=signum, after=chance.uniform(0.0, 0.4))
        ended.append(end)
        late = [request for request in simulator.requests() if request["timestamp"] > end.signalled_at + 1]
        assert late == [] or not end.was_executing
        if end.was_executing:
            assert end.outcome is not None
            assert end.outcome.startswith(error)
    assert sum(end.was_executing for end in ended) >= 4


def test_killed_batch_repeats_only_the_work_since_its_last_save(worker, simulator, seed_rows, tmp_path):
    hanging, failing, *_ = rows = seed_rows(500)
    simulator.set_faults(
        [
            {"match": {"path_contains": hanging["stream_sid"]}, "kind": "hang", "seconds": 30, "times": None},
            {"match": {"path_contains": failing["stream_sid"]}, "kind": "status", "status": 422, "times": None},
        ]
    )
    store = tmp_path / "store.json"
    job = {"kind": "rows", "streams": rows, "store": str(store)}

    def has_saved_often():
        return store.exists() and json.loads(store.read_text())["finished_below"] > 60

    worker.run({**job, "rate": 100}, signum=signal.SIGKILL, when=has_saved_often)
    saved = json.loads(store.read_text())
    simulator.set_faults([])
    already_sent = len(simulator.requests())
    assert worker.run(job).outcome == "done"
    later = {request["path"].rsplit("/", 1)[1] for request in simulator.requests()[already_sent:]}
    left = {*saved["unfinished"], *range(saved["finished_below"], len(rows))}
    assert {0, 1} <= left
    assert later == {rows[index]["stream_sid"] for index in left}
    assert simulator.state.snapshot()["counts"]["running_streams"] == 0


@pytest.mark.parametrize("moment", ["before execute", "while the checkpoint is read"])
def test_kill_before_the_first_request_sends_nothing(simulator, seed_rows, store, moment):
    operator = StopCallStreamsOperator(task_id="stop", streams=seed_rows(3))
    if moment == "before execute":
        operator.on_kill()
    else:
        store.get = lambda key: operator.on_kill()
    with pytest.raises(SignalWireError, match=r"The batch was cancelled\. No stream was stopped"):
        operator.execute({"task_state_store": store})
    assert simulator.requests() == []


def test_kill_ends_the_reading_of_rows(simulator):
    def rows():
        for number in range(1000):
            if number == 10:
                operator.on_kill()
            yielded.append(number)
            yield {"call_sid": "call", "stream_sid": str(number)}

    yielded: list[int] = []
    operator = StopCallStreamsOperator(task_id="stop", streams=rows())
    with pytest.raises(SignalWireError, match=r"The batch was cancelled\. No stream was stopped"):
        operator.execute({})
    assert (len(yielded), simulator.requests()) == (11, [])


def test_kill_from_another_thread_says_how_far_the_batch_came(simulator, seed_rows, store):
    rows = seed_rows(50)
    hanging = {"match": {"path_contains": rows[25]["stream_sid"]}, "kind": "hang", "seconds": 30, "times": None}
    simulator.set_faults([hanging])
    operator = StopCallStreamsOperator(task_id="stop", streams=rows, max_concurrency=1)

    def kill_when_it_hangs():
        while not simulator.faults()[0]["fired"]:
            pass
        operator.on_kill()

    killer = threading.Thread(target=kill_when_it_hangs)
    killer.start()
    with pytest.raises(SignalWireError, match=r"The batch was cancelled\. 25 of 50 streams done"):
        operator.execute({"task_state_store": store})
    killer.join()
    assert len(simulator.requests()) == 26
    simulator.set_faults([])
    StopCallStreamsOperator(task_id="stop", streams=rows).execute({"task_state_store": store})
    assert len(simulator.requests()) == 26 + 25


def test_kill_after_the_last_stream_keeps_the_checkpoint(simulator, seed_rows, store):
    rows = seed_rows(3)
    operator = StopCallStreamsOperator(task_id="stop", streams=rows)
    delete = store.delete
    store.delete = lambda key: (operator.on_kill(), delete(key))
    with pytest.raises(SignalWireError, match="3 of 3 streams done"):
        operator.execute({"task_state_store": store})
    store.delete = delete
    summary = StopCallStreamsOperator(task_id="stop", streams=rows).execute({"task_state_store": store})
    assert (summary["stopped"], len(simulator.requests())) == (3, 3)
