"""Stop a media stream when a DAG run or a task fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier

from airflow_provider_signalwire.client.protocol.redaction import clear_locals
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin, report_stop

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class StopCallStreamNotifier(HookMixin, BaseNotifier):
    """Stop a media stream of a call, as an ``on_failure_callback`` of a DAG or a task.

    It requests the stop and does not wait. A call that has ended and a stream that is missing are not errors.

    A failure is logged with its traceback, because Airflow does not fail anything if a callback fails.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated).
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    template_fields: Sequence[str] = ("call_sid", "stream_sid", "account_sid", "signalwire_conn_id")

    def __init__(
        self,
        *,
        call_sid: str,
        stream_sid: str,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_sid = call_sid
        self.stream_sid = stream_sid
        self.account_sid = account_sid
        self.signalwire_conn_id = signalwire_conn_id

    def render_template_fields(self, context: Context, *args: Any, **kwargs: Any) -> None:
        """Render the templates; a failure is logged."""
        with self._failures_logged():
            super().render_template_fields(context, *args, **kwargs)

    def notify(self, context: Context) -> None:
        """Request the stop."""
        from airflow_provider_signalwire.client.flows.stop import stop_stream

        with self._failures_logged():
            stop = stop_stream(self.hook.account_sid, self.call_sid, self.stream_sid, ignore_if_missing=True)
            with self.hook.get_conn() as client:
                report_stop(client.run(stop), self.call_sid, self.stream_sid)

    async def async_notify(self, context: Context) -> None:
        """Request the stop without blocking the event loop."""
        from airflow_provider_signalwire.client.flows.stop import stop_stream

        with self._failures_logged():
            async with await self.hook.get_async_conn() as client:
                stop = stop_stream(self.hook.account_sid, self.call_sid, self.stream_sid, ignore_if_missing=True)
                report_stop(await client.run(stop), self.call_sid, self.stream_sid)

    @contextmanager
    def _failures_logged(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            clear_locals(error)
            self.log.exception("The stream was not stopped: it may be running.")
            raise
