"""Runs a start. If the task does not succeed, its stream is stopped, or the log says that it may be running."""

from __future__ import annotations

import logging
import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_signalwire._compat import CLEARING_DISCARDS_STATE
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.operators.current_try import is_current_try, is_success_reported, run_briefly
from airflow_provider_signalwire.task_state import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_signalwire.client.protocol.records import StreamRecord
    from airflow_provider_signalwire.client.protocol.request import ApiRequest
    from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
    from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
    from airflow_provider_signalwire.journal_intents import StartIntent

R = TypeVar("R")
T = TypeVar("T")

log = logging.getLogger(__name__)

# Airflow kills a task's process 5 seconds after SIGTERM. With the second that Airflow may take to say whether the try
# is the current one, a second is left for a last attempt.
_CLEANUP_SECONDS = 3.0
_INTENT_KEY = "signalwire_start"

# Airflow makes the key of an XCom part of a URL, unencoded: `sid?x` would replace `sid`, and `..` fail the task.
_XCOM_KEY = re.compile(r"(?!return_value$)[A-Za-z0-9_-]{1,250}")


def is_noted_as_stopped(context: Any) -> bool:
    """Return whether an earlier try has noted that no stream of it can be running."""
    return TaskState(context, _INTENT_KEY).load() == {}


class TaskKilled(BaseException):
    """Ends a task that Airflow has told to end. It is not an ``Exception``, so that no library swallows it."""

    def __init__(self, message: str = "Airflow has told the task to end.") -> None:
        super().__init__(message)


@dataclass(kw_only=True, repr=False)
class StartGuard(ABC, Generic[R]):
    """One start by a task. If the task does not succeed, what was started is stopped, or an error says that it may run.

    :param context: The task's context.
    :param hook: The hook to use.
    :param stream: Names the stream in the log.
    """

    context: Any
    hook: SignalWireHook
    stream: str

    _is_killed = False
    _has_returned = False  # the record is stored: from here on, on_kill() stops the stream itself
    _is_ending = False  # the stream is being stopped, or has been

    @abstractmethod
    def _send(self) -> R:
        """Start the stream, and return its record."""

    @abstractmethod
    def _warning(self) -> str | None:
        """Return the sentence that says which stream may be running; None if none can be."""

    @abstractmethod
    def _stop(self, client: SignalWireClient, seconds: float) -> str | None:
        """Stop what may be running; return None if it is stopped, otherwise what to say after the warning.

        :param client: A new client.
        :param seconds: How long this may take.
        """

    def _forget(self) -> None:
        """Note that no stream can be running."""

    def run(self, finish: Callable[[R], T]) -> T:
        """Start the stream, and do the rest of the task's work; a task that defers has succeeded.

        :param finish: Does the rest, and returns the task's result.
        :raises SignalWireError: its message says so if a stream may be running.
        """
        try:
            record = self._send()
            self._has_returned = True
            if self._is_killed:  # Python ignores an exception of a signal handler that runs inside a finalizer
                raise TaskKilled()
            return finish(record)
        except TaskDeferred:
            raise
        except BaseException as error:
            if self._has_returned or not isinstance(error, SignalWireError):
                self._end(error)
            else:
                self._is_ending = True
                # The flow has stopped what it may have started, or its error says so.
                if self._warning() is None:
                    self._forget()
            raise

    def on_kill(self) -> None:
        """Handle SIGTERM: end the task, because Airflow's handler does not. What it started is stopped."""
        if self._is_ending or is_success_reported(self.context, self.stream):
            return
        self._is_killed = True
        killed = TaskKilled()
        if self._has_returned:
            self._end(killed)
        raise killed

    def _end(self, error: BaseException) -> None:
        """Stop what may have been started; if that cannot be proved, say so in the log and in the error."""
        if self._is_ending:
            return
        self._is_ending = True
        warning = self._warning()
        if warning is None:
            run_briefly(self._forget)
            return
        # Said before anything else, because Airflow may kill the process soon.
        log.warning("The task ends (%s). %s Stopping it now.", type(error).__name__, warning)
        try:
            # A new client, because the task's client may be in the middle of a request.
            with self.hook.make_client(timeout=_CLEANUP_SECONDS) as client:
                problem = self._stop(client, _CLEANUP_SECONDS)
        except Exception as failure:
            problem = f"The attempt to stop it failed: {failure}"
        if problem is not None:
            problem = f"{warning} {problem}".rstrip()
            log.error("%s", problem)
            error.add_note(problem)


class GuardedStartMixin:
    """Gives an operator a guard for its start."""

    _guard: StartGuard[Any] | None = None
    _is_killed = False

    def _run(self, guard: StartGuard[R], finish: Callable[[R], T]) -> T:
        """Run a start and the rest of the task's work, unless the task was killed before."""
        self._guard = guard
        if self._is_killed:
            raise TaskKilled()
        return guard.run(finish)

    def on_kill(self) -> None:
        """Stop the stream that was or may have been started, and end the task."""
        self._is_killed = True
        if self._guard is not None:
            self._guard.on_kill()


@dataclass(kw_only=True, repr=False)
class StreamStartGuard(StartGuard["StreamRecord"]):
    """A start whose intent is stored before the request.

    :param request: The start.
    :param parent: What the stream belongs to.
    :param parent_sid: SID of the call or conference.
    :param name: The stream's name.
    :param is_default_name: Whether the name is the operator's default. Only this task uses it, so a stream of that name
        is left over from an earlier try.
    :param push_record: Whether the record belongs in XCom.
    :param journal_intent: The intent for a cleanup by journal.
    """

    request: ApiRequest[StreamRecord]
    parent: StreamParent
    parent_sid: str
    name: str
    is_default_name: bool
    push_record: bool
    journal_intent: StartIntent

    has_pushed = False

    def __post_init__(self) -> None:
        self._intent = TaskState(self.context, _INTENT_KEY)
        self._intended = {self.parent.id_name: self.parent_sid, "name": mask_phone_numbers(self.name)}
        self._start = StreamStart(
            self.request,
            account_sid=self.hook.account_sid,
            parent=self.parent,
            parent_sid=self.parent_sid,
            name=self.name,
            may_stop=lambda: is_current_try(self.context),
            unproven_since=self._unproven_since(),
        )

    @property
    def stop_by(self) -> str:
        """What the started stream can be stopped by: its SID, or its name."""
        return self._start.stop_by

    @property
    def _log_name(self) -> str:
        return mask_phone_numbers(repr(self.name))

    def _send(self) -> StreamRecord:
        """Start the stream. Its intent stays stored: if this try does not succeed, the next one stops what it finds."""
        since = self._start.possibly_running_since or time.time()
        self._intent.save({**self._intended, "since": since})
        self.journal_intent.save()
        with self.hook.get_conn() as client:
            record, stats = client.run(self._start.run())
        log.info(
            "Stream is %s: %r (%s) on %s %r. Start: attempts %d, %.0f ms, request id %s.",
            *(record["status"], record["sid"], self._log_name, self.parent.noun, self.parent_sid),
            *(stats.attempts, stats.seconds * 1000, stats.request_id or "unknown"),
        )
        self._push(record)
        return record

    def _push(self, record: StreamRecord) -> None:
        """Store the record in XCom while the stream can still be stopped if that fails."""
        ti = self.context.get("ti")
        if ti is not None and self.push_record:
            keys = {key: value for key, value in record.items() if _XCOM_KEY.fullmatch(key)}
            values: Mapping[str, Any] = {**keys, "return_value": record}
            for key, value in values.items():
                ti.xcom_push(key=key, value=value)
            self.has_pushed = True

    def _warning(self) -> str | None:
        if self._start.record is None and self._start.possibly_running_since is None:
            return None
        return self._start.warning()

    def _stop(self, client: SignalWireClient, seconds: float) -> str | None:
        if client.run(self._start.abandon(seconds=seconds)) == "not_allowed":
            return "Nothing was stopped: the try was given up, and the name belongs to the next one."
        log.info("Stream is stopped: %s on %s %r.", self._log_name, self.parent.noun, self.parent_sid)
        if self._start.possibly_running_since is not None:
            return "One stream was stopped; an earlier start may still be processed."
        run_briefly(self._forget)
        return None

    def _forget(self) -> None:
        self._intent.save({})  # not removed: the next try can tell that there is no stream from a state that is lost
        self.journal_intent.clear()

    def _unproven_since(self) -> float | None:
        """Return when an earlier try sent a start whose outcome is unknown."""
        ti = self.context.get("ti")
        if (intent := self._intent.load()) is not None:
            return float(intent["since"]) if self._intended.items() <= intent.items() else None
        if self._intent.is_available and not CLEARING_DISCARDS_STATE:
            return None
        if self.is_default_name and getattr(ti, "try_number", 1) > 1:
            start_date = getattr(ti, "start_date", None)
            return start_date.timestamp() if start_date is not None else time.time()
        return None
