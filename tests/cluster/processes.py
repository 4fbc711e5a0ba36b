"""Processes of one's own: started by name, killed by name, their output kept, and none left at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

END_SECONDS = 10


class Processes:
    """Named processes, each the leader of a session, by which whatever it starts is found again.

    :param logs: folder that takes what each of them prints
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        # All that were ever started. None is waited for before the end, not even by Popen.poll(), which its
        # send_signal() calls: as long as a dead one is there as a zombie, its id can be nobody else's.
        self._started: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._current: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def start(
        self,
        name: str,
        *command: str | Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
        ending: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a process; one of the same name must have been killed before.

        :param environment: its environment, ours unless given
        :param folder: the folder that it runs in
        :param user: who it runs as
        :param ending: the signal that ends it in good order
        """
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **run_as(user),
            )
        self._started.append((process, ending))
        self._current[name] = process

    def log(self, name: str) -> Path:
        """The file that takes what a process prints."""
        return self._logs / f"{name}.log"

    def is_running(self, name: str) -> bool:
        return not _is_zombie(self._current[name].pid)

    def kill(self, name: str) -> None:
        """``kill -9`` the process, and it alone: what it has started goes on, if it can."""
        os.kill(self._current[name].pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running(name), f"{name} is gone")

    def kill_session(self, name: str) -> None:
        """``kill -9`` the process and all that it has started, as when its machine loses power."""
        _kill_session(self._current[name].pid)

    def check(self) -> None:
        """Fail if one has ended by itself."""
        for name in self._current:
            assert self.is_running(name), f"{name} has ended: {tail(self.log(name))}"

    def end(self) -> None:
        """End them all, by force if it has to be."""
        for process, ending in self._started:
            os.kill(process.pid, ending)
        deadline = time.monotonic() + END_SECONDS
        for process, _ in self._started:
            while time.monotonic() < deadline and not _is_zombie(process.pid):
                time.sleep(0.05)
        for process, _ in self._started:
            _kill_session(process.pid)
            process.wait()


def run_as(user: str | None) -> dict[str, Any]:
    """Return the arguments for ``subprocess`` that make a process run as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": ()}


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60, pause: float = 0.1) -> None:
    """Return when a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s it is not so that {what}"
        time.sleep(pause)


def tail(log: Path, characters: int = 3000) -> str:
    return f"the end of {log}:\n{log.read_text(errors='replace')[-characters:]}"


def _kill_session(leader: int) -> None:
    """Kill until nothing is left: while we look, a process may start another."""
    while members := [pid for pid in psutil.pids() if _session_of(pid) == leader and not _is_zombie(pid)]:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
