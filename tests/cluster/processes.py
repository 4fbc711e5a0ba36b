"""Named child processes for tests: start them, kill them, keep their output, and leave none running."""

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

STOP_SECONDS = 10
TIMEOUT_SECONDS = 600  # long enough for a busy machine


class Processes:
    """Named processes, each the leader of a new session.

    :param logs: Folder for the processes' output.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        # Dead processes are not reaped before the end, not even by Popen.poll() or send_signal(): while a process is a
        # zombie, the kernel does not reuse its id.
        self._started: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._current: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        *command: str | Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a process. To restart one under the same name, kill it first.

        :param environment: Environment variables; the current environment by default.
        :param folder: Working directory.
        :param user: User to run the process as.
        :param stop_signal: Signal for a clean shutdown.
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
        self._started.append((process, stop_signal))
        self._current[name] = process

    def log(self, name: str) -> Path:
        """Return the file that contains a process's output."""
        return self._logs / f"{name}.log"

    def is_running(self, name: str) -> bool:
        return not _is_zombie(self._current[name].pid)

    def kill(self, name: str) -> None:
        """``kill -9`` the process, but not its children."""
        os.kill(self._current[name].pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running(name), f"{name} has exited")

    def kill_session(self, name: str) -> None:
        """``kill -9`` the process and everything that it started, like a power failure."""
        _kill_session(self._current[name].pid)

    def assert_running(self) -> None:
        """Fail if a process has exited."""
        for name in self._current:
            assert self.is_running(name), f"{name} has exited: {tail(self.log(name))}"

    def stop(self) -> None:
        """Stop all processes; kill those that do not stop in time."""
        for process, stop_signal in self._started:
            os.kill(process.pid, stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        for process, _ in self._started:
            while time.monotonic() < deadline and not _is_zombie(process.pid):
                time.sleep(0.05)
        for process, _ in self._started:
            _kill_session(process.pid)
            process.wait()


def run_as(user: str | None) -> dict[str, Any]:
    """Return the arguments for ``subprocess`` that run a process as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": ()}


def wait_until(
    condition: Callable[[], object], description: str, seconds: float = TIMEOUT_SECONDS, pause: float = 0.1
) -> None:
    """Poll a condition until it is true; fail after a timeout."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {seconds:.0f} s waiting until {description}"
        time.sleep(pause)


def tail(log: Path, characters: int = 3000) -> str:
    return f"the end of {log}:\n{log.read_text(errors='replace')[-characters:]}"


def _kill_session(leader: int) -> None:
    """Kill all processes of a session, including those started in the meantime."""
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
