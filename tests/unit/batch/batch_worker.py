"""A worker process: for each job that it reads, it forks and runs a batch with the signal handlers of a task runner.

Jobs are lines of JSON. It writes the child's process id before execute, and afterwards a line with how execute ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.batch import checkpoint, runner

# Loaded before the fork, as a task runner's supervisor does.
from airflow_provider_signalwire.client.transport import async_client  # noqa: F401
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator, StopCallStreamsOperator


class FileStore:
    """A task state store that outlives the process."""

    def __init__(self, path):
        self._path = Path(path)

    def get(self, key):
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def set(self, key, value, *, retention):
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(value))
        new.rename(self._path)

    def delete(self, key):
        self._path.unlink(missing_ok=True)


class HangingStore:
    """A task state store while Airflow's API server is unreachable."""

    def __getattr__(self, name):
        return lambda *_, **__: time.sleep(60)


def operator_for(job):
    if job["kind"] == "cleanup":
        return CallStreamCleanupOperator(task_id="clean", stream_names=["audio"], min_call_age=60)
    streams = slowly(job["streams"]) if job["kind"] == "slow rows" else job["streams"]
    return StopCallStreamsOperator(task_id="stop", streams=streams, max_requests=job.get("rate", 600), period=0.5)


def slowly(rows):
    for row in rows:
        time.sleep(0.001)
        yield row


def run(job, protocol):
    operator = operator_for(job)
    is_executing = was_executing = False

    def on_term(*_):
        nonlocal was_executing
        was_executing = is_executing
        operator.on_kill()  # as the task runner does, which then goes on

    def on_alarm(*_):
        nonlocal was_executing
        was_executing = is_executing
        raise AirflowTaskTimeout("Timeout")

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGALRM, on_alarm)
    context: dict[str, Any] = {"task_state_store": FileStore(job["store"])} if "store" in job else {}
    if job["kind"] == "unreachable Airflow":
        context["task_state_store"] = HangingStore()
    outcome = "done"
    print(os.getpid(), file=protocol)
    try:
        is_executing = True
        operator.execute(context)
        is_executing = False
    except BaseException as error:  # the test says which it expects
        outcome = f"{type(error).__name__}: {error}"
    return {"outcome": outcome, "was_executing": was_executing}


def main():
    checkpoint._TIMEOUT_SECONDS = runner.SAVE_SECONDS = 0.2
    protocol = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what Airflow logs
    # For its first connection, Airflow imports modules that a task runner has loaded. One makes a class in which
    # Python 3.11 would turn the exception of a signal handler into a RuntimeError.
    SignalWireHook().get_connection(SignalWireHook.default_conn_name)
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                result: Any = run(json.loads(line), protocol)
                signal.signal(signal.SIGALRM, signal.SIG_IGN)
            except AirflowTaskTimeout as error:  # before or after execute
                result = {"outcome": repr(error), "was_executing": False}
            os.write(writer, json.dumps(result).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as results:
            result = results.read()
        os.waitpid(child, 0)
        print(result or "null", file=protocol)


if __name__ == "__main__":
    main()
