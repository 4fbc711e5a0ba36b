"""Playing cells: one at a time, but those together that mostly wait."""

from __future__ import annotations

import json
import logging
import queue
import threading
import traceback
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fault_courses import Cell
from fault_model import Outcome
from fault_stage import Stage
from fault_ways import Task, operator_of


class LogByThread(logging.Handler):
    """Keeps what is logged, by the thread that logs it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._texts: dict[int, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self._texts[threading.get_ident()].append(self.format(record))

    def take(self) -> str:
        """Return what this thread has logged, and forget it."""
        return "\n".join(self._texts.pop(threading.get_ident(), []))

    def rest(self) -> str:
        """Return what nobody has taken: the servers' log."""
        return "\n".join(text for texts in self._texts.values() for text in texts)


@dataclass(frozen=True)
class Play:
    """What a cell has shown.

    :param outcome: how the task ended
    :param told: its log, its error, and what Airflow stores of it
    :param error: the error in words
    :param left: how the task left its worker to be resumed later
    :param known: SIDs, one of which is in what it told, so that a search there is no search in nothing
    :param called_elsewhere: whether the other host was called
    """

    outcome: Outcome
    told: str
    error: str
    left: tuple[str, ...]
    known: tuple[str, ...]
    called_elsewhere: bool


class Player:
    """Plays each cell once.

    :param stages: where to play
    :param waiting: cells that mostly wait; they are played all at once, on all the stages, when the first is asked for
    :param log: what is logged meanwhile
    """

    def __init__(self, stages: list[Stage], waiting: Iterable[Cell], log: LogByThread) -> None:
        self._stages = stages
        # The longest first, so that none of them is waited for in the end.
        self._waiting = sorted(waiting, key=lambda cell: (cell.once, cell.way.name != "batch"))
        self._log = log
        self.plays: dict[Cell, Play] = {}

    def play(self, cell: Cell) -> Play:
        """Return what a cell shows."""
        if cell not in self.plays:
            if cell in self._waiting:
                self._play_together()
            else:
                self.plays[cell] = self._play(cell, self._stages[0])
        return self.plays[cell]

    def _play_together(self) -> None:
        free: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        for stage in self._stages:
            free.put(stage)

        def play(cell: Cell) -> Play:
            stage = free.get()
            try:
                return self._play(cell, stage)
            finally:
                free.put(stage)

        with ThreadPoolExecutor(len(self._stages)) as pool:
            self.plays |= zip(self._waiting, pool.map(play, self._waiting), strict=True)

    def _play(self, cell: Cell, stage: Stage) -> Play:
        self._log.take()
        with stage.set_for(cell) as scene:
            task = Task(lambda: operator_of(cell.way.name, scene, stage.connection))
            state = task.run()
        error = task.error
        told = [self._log.take(), json.dumps(task.stored)]
        if error is not None:
            told += [repr(error), str(vars(error)), *traceback.format_exception(error)]
        return Play(
            outcome=Outcome(
                state=state,
                error=None if error is None else type(error).__name__,
                requests=stage.requests(),
                running=stage.running_streams(),
            ),
            told="\n".join(told),
            error=str(error),
            left=tuple(task.left),
            known=(stage.simulator.project, *scene.call_sids, *scene.stream_sids),
            called_elsewhere=stage.elsewhere_was_called(),
        )
