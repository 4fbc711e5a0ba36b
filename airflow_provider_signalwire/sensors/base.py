"""What the sensors share: one way to look, and the same end in poke, reschedule and deferrable mode."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_signalwire._compat import trigger_timeout_is_sensor_timeout
from airflow_provider_signalwire.exceptions import SignalWireTimeoutError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_signalwire.client.flows.stop import Flow
    from airflow_provider_signalwire.triggers.base import FlowTrigger

# The trigger keeps the deadline and says what happened; Airflow's own timeout is only for a trigger that is gone.
DEFER_TIMEOUT_MARGIN = timedelta(seconds=60)

# A poke_interval of 0 is Airflow's to allow, but the triggerer must not spin.
_SHORTEST_PAUSE = 0.1


class SignalWireSensor(BaseSensorOperator):
    """Look at something at SignalWire until it is as waited for.

    :param account_sid: Project ID of a subproject (templated). Default: the project of the connection's login.
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
        super().__init__(**kwargs)
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id
        self.deferrable = deferrable
        self._last_status: str | None = None

    def look(self, account_sid: str) -> Flow[Any]:
        """Return the flow that looks once, and logs a status that is not the last one's."""
        raise NotImplementedError

    def is_done(self, record: Any) -> bool:
        """Tell whether a record is as waited for."""
        raise NotImplementedError

    def make_trigger(self, **arguments: Any) -> FlowTrigger:
        """Return the trigger that goes on waiting."""
        raise NotImplementedError

    @property
    def waited_for(self) -> str:
        """What is waited for, for messages."""
        raise NotImplementedError

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; the record is the XCom value when it is as waited for."""
        from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

        hook = SignalWireHook(self.signalwire_conn_id, account_sid=self.account_sid)
        with hook.get_conn() as client:
            record = client.run(self.look(hook.account_sid))
        self._last_status = record["status"]
        return PokeReturnValue(is_done=self.is_done(record), xcom_value=record)

    def execute(self, context: Context) -> Any:
        """Wait, in whichever mode, and return the record."""
        with self._real_errors_stay_errors():
            if not self.deferrable:
                try:
                    return super().execute(context)
                except AirflowSensorTimeout:
                    raise AirflowSensorTimeout(self._timeout_message()) from None
            deadline = time.time() + self.timeout
            looked = self.poke(context)
            if looked.is_done:
                return looked.xcom_value
            self.defer(
                trigger=self.make_trigger(
                    account_sid=self.account_sid,
                    signalwire_conn_id=self.signalwire_conn_id,
                    poll_interval=max(self.poke_interval, _SHORTEST_PAUSE),
                    deadline=deadline,
                    last_status=self._last_status,
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=self.timeout) + DEFER_TIMEOUT_MARGIN,
            )
        raise AssertionError("unreachable: defer raises")  # pragma: no cover

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Return the record the trigger sent, or raise the error it sent."""
        from airflow_provider_signalwire.triggers.events import record_of

        try:
            return record_of(event)
        except SignalWireTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the trigger's event."""
        with self._real_errors_stay_errors(), trigger_timeout_is_sensor_timeout(soft_fail=self.soft_fail):
            return super().resume_execution(next_method, next_kwargs, context)

    def _timeout_message(self) -> str:
        from airflow_provider_signalwire.client.flows.wait import timeout_message

        return timeout_message(self.waited_for, self._last_status)

    @contextmanager
    def _real_errors_stay_errors(self) -> Iterator[None]:
        """Let soft_fail skip what did not happen in time, and nothing else.

        Airflow's sensor also skips on every AirflowFailException, and when deferred on every AirflowException: a
        refused token, or a trigger that crashed, would pass for a stream that needs no attention.
        """
        try:
            yield
        except AirflowSkipException as skip:
            cause = skip.__cause__
            if self.soft_fail and isinstance(cause, Exception) and not isinstance(cause, AirflowSensorTimeout):
                raise cause from None
            raise
