"""A task process to kill, and a relay that holds its start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from raw_server import RawServer, read_request

SECONDS = 60  # longer means that it will not happen


def wait_until(condition: Callable[[], Any], description: str, seconds: float = SECONDS) -> Any:
    """Return the condition's value as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"after {seconds:g} s: {description}"
        time.sleep(0.02)
    return value


class Relay(RawServer):
    """Forwards requests to the simulator, and can hold the request or the response of the next start."""

    def __init__(self, port: int) -> None:
        super().__init__(self._pass_on)
        self._port = port
        self.hold(None)

    def hold(self, part: str | None) -> None:
        """Hold the ``request`` or the ``response`` of the next start, until it is released."""
        self.held, self.release, self.holding = threading.Event(), threading.Event(), part
        self.loses_response = False

    def _pass_on(self, client: socket.socket) -> None:
        request, holding = read_request(client), None
        if b"/Streams HTTP/" in request:
            holding, self.holding = self.holding, None
        if holding == "request":
            self._wait()
        response = b""
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while part := server.recv(65536):
                response += part
        if holding == "response":
            self._wait()
        if holding is None or not self.loses_response:
            client.sendall(response)

    def _wait(self) -> None:
        release = self.release
        self.held.set()
        release.wait()


@contextlib.contextmanager
def unreachable_port() -> Iterator[int]:
    """A port that accepts no connection: its queue is full, so that connecting takes forever."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class Supervisors:
    """The process that runs tasks under Airflow's supervisor.

    :param folder: Each run has a folder in it, for its logs and the files that control it.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        reading, writing = os.pipe()
        with (folder / "output").open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("task_supervisor.py"), str(writing)],
                env={**os.environ, **environment, "KILLED_STARTS": str(folder)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[writing],
                text=True,
            )
        os.close(writing)
        self._responses = os.fdopen(reading)

    def do(self, *command: Any) -> Any:
        """Carry out a command and return its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._responses.readline()
        assert line, (self.folder / "output").read_text()[-3000:]
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._responses.close()


class KilledTask:
    """One run of the DAG ``killed_starts``, and the tries of one of its tasks."""

    def __init__(self, supervisors: Supervisors, run_id: str, task_id: str, conf: dict[str, Any]) -> None:
        self.folder = supervisors.folder / run_id
        self.folder.mkdir()
        self.run_id, self.task_id = run_id, task_id
        self._do = supervisors.do
        self._do("create_run", run_id, conf)

    def begin(self, *, hold: list[Any] | None = None, failing: list[str] | None = None) -> None:
        """Begin the next try."""
        self.supervisor = psutil.Process(self._do("supervise", self.run_id, self.task_id, hold, failing))
        self.process = wait_until(lambda: next(iter(self.supervisor.children()), None), "the task has a process")

    def do(self, command: str) -> Any:
        """Do to the task what the UI or the scheduler does, or return its state."""
        return self._do(command, self.run_id, self.task_id)

    def wait_until_held(self) -> None:
        wait_until((self.folder / "reached").exists, f"the task is held\n{self.log()}")

    def release(self) -> None:
        (self.folder / "release").touch()

    def terminate(self) -> None:
        """End the task's process as Airflow does: SIGTERM, five seconds later SIGKILL. Return when it has ended."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except psutil.TimeoutExpired:
            self.process.kill()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Return when the task's process has ended, and its supervisor has written the log."""
        wait_until(lambda: not is_alive(self.process), "the task's process has ended")
        self.release()
        wait_until(lambda: not is_alive(self.supervisor), "the supervisor has ended")

    def log(self, try_number: int | None = None) -> str:
        """The messages of one try, or of all, as the UI shows them."""
        names = f"{try_number or '*'}.log"
        lines = [line for path in sorted(self.folder.glob(names)) for line in path.read_text().splitlines()]
        return "\n".join(f"{entry.get('level')}: {entry.get('event')}" for entry in map(json.loads, lines))


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
