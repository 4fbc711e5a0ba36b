"""What the sensors share: the same wait, and the same end of it, in poke, reschedule and deferrable mode."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_signalwire._compat import convert_trigger_timeout
from airflow_provider_signalwire.client.protocol.validation import validate_boolean, validate_duration
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireTimeoutError
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin
from airflow_provider_signalwire.task_state import TaskState
from airflow_provider_signalwire.triggers.deferral import poll_and_defer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.wait import Poller, PollSchedule
    from airflow_provider_signalwire.triggers.base import PollingTrigger

# Airflow allows a poke_interval of 0, but a wait must not spin.
_MIN_POLL_SECONDS = 0.1


class SignalWireSensor(HookMixin, BaseSensorOperator):
    """Poll SignalWire until a condition holds.

    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    """

    def __init__(
        self,
        *,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        for name in ("poke_interval", "timeout", "max_wait"):
            if kwargs.get(name) is not None:
                kwargs[name] = validate_duration(name, kwargs[name])
        super().__init__(**kwargs)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.deferrable = validate_boolean("deferrable", deferrable)
        for name in ("soft_fail", "never_fail", "silent_fail"):  # Airflow takes "false" for true
            validate_boolean(name, getattr(self, name))
        self._failure: SignalWireError | None = None

    def announce(self) -> None:
        """Log once, before the first poll, what the user has to know."""

    def make_poller(self, account_sid: str) -> Poller[Any]:
        """Return what polls."""
        raise NotImplementedError

    def make_trigger(self, poller: Any, **arguments: Any) -> PollingTrigger:
        """Return the trigger that continues the wait of a poller."""
        raise NotImplementedError

    def finish(self, result: Any) -> Any:
        """Return the record for the result of the wait, after logging it."""
        raise NotImplementedError

    def record_of(self, event: Any) -> Any:
        """Return the record that an event carries."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Wait, in the sensor's mode, and return the record."""
        if not context.get("task_reschedule_count"):
            self.announce()
        if self.reschedule and not self.deferrable:
            return self._poke_and_reschedule(context)
        vars(self).pop("_poller", None)  # a new try knows nothing of the one before it
        with self._end_as_configured(), _timeout_as_sensor_timeout():
            result = poll_and_defer(self, self._poller, **self._poll_options()) if self.deferrable else self._wait()
            return self.finish(result)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; the record is the XCom value if the condition holds. Airflow calls this in reschedule mode."""
        from airflow_provider_signalwire.client.flows.wait import poll_once

        memory = _PollMemory(context, self._poller)
        with self.hook.get_conn() as client:
            result, self._failure = client.run(poll_once(self._poller, self._schedule()))
        if result is None:
            memory.save()
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self.finish(result))

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Return the record that the trigger sent, or raise the error that it sent."""
        with _timeout_as_sensor_timeout():
            return self.record_of(event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger's event."""
        with (
            self._end_as_configured(),
            self._skip_only_on_timeout(),
            convert_trigger_timeout(soft_fail=self.soft_fail),
        ):
            return super().resume_execution(next_method, next_kwargs, context)

    @cached_property
    def _poller(self) -> Poller[Any]:
        """The poller of this task; it remembers what earlier polls returned."""
        return self.make_poller(self.hook.account_sid)

    def _poke_and_reschedule(self, context: Context) -> Any:
        """Let Airflow's sensor call :meth:`poke`, and end as the other modes do."""
        from airflow_provider_signalwire.client.flows.wait import timeout_error

        with self._skip_only_on_timeout():
            try:
                return super().execute(context)
            except AirflowSensorTimeout:
                with self._end_as_configured(), _timeout_as_sensor_timeout():
                    raise timeout_error(self._poller, "timeout", self._failure) from None

    def _wait(self) -> Any:
        from airflow_provider_signalwire.client.flows.wait import wait_until

        with self.hook.get_conn() as client:
            return client.run(wait_until(self._poller, self._schedule()))

    def _schedule(self) -> PollSchedule:
        from airflow_provider_signalwire.client.flows.wait import PollSchedule

        return PollSchedule(deadline=time.monotonic() + self.timeout, **self._poll_options())

    def _poll_options(self) -> dict[str, Any]:
        """Return Airflow's options of a sensor, as the wait takes them."""
        max_wait = self.max_wait
        return {
            "poll_interval": max(self.poke_interval, _MIN_POLL_SECONDS),
            "exponential_backoff": bool(self.exponential_backoff),
            "max_wait": max_wait.total_seconds() if isinstance(max_wait, timedelta) else max_wait,
            "silent_fail": self.silent_fail,
        }

    def _get_next_poke_interval(self, started_at: Any, run_duration: Callable[[], float], poke_count: int) -> float:
        """End the last interval of reschedule mode at the deadline and obey ``Retry-After``, as in the other modes."""
        from airflow_provider_signalwire.client.flows.wait import retry_after_of

        seconds: float = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        left = max(self.timeout - run_duration(), 0.0)
        return min(max(seconds, retry_after_of(self._failure)), left)

    @contextmanager
    def _end_as_configured(self) -> Iterator[None]:
        """Apply ``soft_fail`` and ``never_fail``, which Airflow applies to poke and reschedule mode only."""
        try:
            yield
        except AirflowSkipException:
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
            if self.soft_fail and isinstance(error, AirflowSensorTimeout):
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            raise

    @contextmanager
    def _skip_only_on_timeout(self) -> Iterator[None]:
        """Let soft_fail skip only what did not happen in time.

        Airflow's sensor also skips on every AirflowFailException, and when deferred on every AirflowException. A
        refused token, or a trigger that crashed, would look like a stream that needs no attention.
        """
        try:
            yield
        except AirflowSkipException as skip:
            cause = skip.__cause__
            if self.soft_fail and isinstance(cause, Exception) and not isinstance(cause, AirflowSensorTimeout):
                raise cause from None
            raise


class _PollMemory:
    """Carries what a poll learned to the next one in reschedule mode, which runs in another process."""

    def __init__(self, context: Any, poller: Any) -> None:
        self._state = TaskState(context, "signalwire_poll")
        self._poller = poller
        self._requested = poller.condition
        stored = (self._state.load() if poller.last_status is None else None) or {}
        # The entry survives a clear of the task, whose fields may then be rendered with other ids.
        if stored.get("requested") == self._requested:
            for name, value in stored["learned"].items():
                setattr(poller, name, value)

    def save(self) -> None:
        """Store what the next poll needs."""
        if self._poller.last_status is not None:
            names = [name for name in ("stream_sid", "last_status") if hasattr(self._poller, name)]
            learned = {name: getattr(self._poller, name) for name in names}
            self._state.save({"requested": self._requested, "learned": learned})


@contextmanager
def _timeout_as_sensor_timeout() -> Iterator[None]:
    """Raise the client's timeout as Airflow's, which ``soft_fail`` skips on."""
    try:
        yield
    except SignalWireTimeoutError as error:
        raise AirflowSensorTimeout(str(error)) from None
