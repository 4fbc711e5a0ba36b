"""Runs each case once, as Airflow does, but without its database. Each step of a task uses a new operator."""

from __future__ import annotations

import json
import logging
import queue
import signal
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
)
from clock import Clock
from fault_environment import Environment
from fault_model import Outcome
from fault_scenarios import Case, make_operator
from task_runner import TaskRunner

from airflow_provider_signalwire.client.flows import start
from airflow_provider_signalwire.operators import start_guard

_SHORT_WAIT = 0.02


class LogByThread(logging.Handler):
    """Keeps log lines by the thread that logged them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: dict[int, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines[threading.get_ident()].append(self.format(record))

    def take(self) -> str:
        """Return and remove the lines of this thread."""
        return "\n".join(self._lines.pop(threading.get_ident(), []))

    def rest(self) -> str:
        """Return the lines that no thread has taken, which are those of the servers."""
        return "\n".join(line for lines in self._lines.values() for line in lines)


def _state_after(error: BaseException | None) -> str:
    """Return the state that Airflow gives to a task with retries left."""
    if error is None:
        return "success"
    if isinstance(error, AirflowSkipException):
        return "skipped"
    return "failed" if isinstance(error, (AirflowFailException, AirflowSensorTimeout)) else "up_for_retry"


@dataclass(frozen=True)
class Run:
    """The result of a case."""

    outcome: Outcome
    output: str  # the task's log, its error, and what Airflow stored
    error: str  # the error's message and notes
    interruptions: tuple[str, ...]  # deferrals and reschedules
    known: tuple[str, ...]  # SIDs, one of which is in the output: a search of the output does find things
    called_elsewhere: bool


class Runner:
    """Runs each case once.

    :param environments: Where to run them.
    :param slow: Cases that mostly wait; they run all at once, in all environments, when the first is asked for.
    :param log: Takes the log lines.
    """

    def __init__(self, environments: list[Environment], slow: Iterable[Case], log: LogByThread) -> None:
        self._environments = environments
        # The longest first, so that none of them is waited for in the end.
        self._slow = sorted(slow, key=lambda case: (case.is_once, case.scenario.name != "batch"))
        self._log = log
        self.runs: dict[Case, Run] = {}

    def run(self, case: Case) -> Run:
        """Return the result of a case."""
        if case not in self.runs:
            if case in self._slow:
                self._run_together()
            else:
                self.runs[case] = self._run(case, self._environments[0])
        return self.runs[case]

    def _run_together(self) -> None:
        free: queue.SimpleQueue[Environment] = queue.SimpleQueue()
        for environment in self._environments:
            free.put(environment)

        def run(case: Case) -> Run:
            environment = free.get()
            try:
                return self._run(case, environment)
            finally:
                free.put(environment)

        with ThreadPoolExecutor(len(self._environments)) as pool, pytest.MonkeyPatch.context() as patch:
            for module in (start, start_guard):
                # A cleanup polls again at its deadline, unless its first poll has taken longer.
                patch.setattr(module, "_CLEANUP_SECONDS", 1.0)
            self.runs |= zip(self._slow, pool.map(run, self._slow), strict=True)

    def _run(self, case: Case, environment: Environment) -> Run:
        self._log.take()
        timeout = _SHORT_WAIT if case.repeats_until_deadline else 60
        task = TaskRunner(Clock())
        operators: list[BaseOperator] = []
        result, error = None, None
        with environment.prepared_for(case) as seeded:

            def make_task() -> BaseOperator:
                operators.append(make_operator(case.scenario.name, seeded, environment.connection, timeout=timeout))
                return operators[-1]

            if case.fault.is_killed:
                _kill_when(lambda: environment.requests() > case.at, operators)
            try:
                result = task(make_task)
            except BaseException as raised:
                error = raised
        stored = [result, task.pushed, *(deferral.trigger.serialize() for deferral in task.deferrals), task.events]
        output = [self._log.take(), json.dumps(stored)]
        if error is not None:
            output += [repr(error), str(vars(error)), *traceback.format_exception(error)]
        return Run(
            outcome=Outcome(
                state=_state_after(error),
                error=None if error is None else type(error).__name__,
                requests=None if case.repeats_until_deadline else environment.requests(),
                running=environment.running_streams(),
            ),
            output="\n".join(output),
            error="\n".join([str(error), *getattr(error, "__notes__", [])]),
            interruptions=("deferred",) * len(task.deferrals) + ("rescheduled",) * len(task.reschedules),
            known=(environment.simulator.project, *seeded.call_sids, *seeded.stream_sids),
            called_elsewhere=environment.elsewhere_was_called(),
        )


def _kill_when(condition: Callable[[], bool], operators: list[BaseOperator]) -> None:
    """Call the last operator's ``on_kill`` from a signal handler of the main thread, as Airflow does."""

    def send() -> None:
        while not condition():
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    signal.signal(signal.SIGUSR1, lambda signum, frame: operators[-1].on_kill())
    threading.Thread(target=send, daemon=True).start()
