"""What operators and sensors share: a connection id, a project, and the hook made from them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook


class HookMixin:
    """Gives a task its hook. Parsing a DAG file imports no HTTP library: the hook is imported when it is used."""

    signalwire_conn_id: str
    account_sid: str | None

    @cached_property
    def hook(self) -> SignalWireHook:
        """The hook for this task's connection and project."""
        from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

        return SignalWireHook(self.signalwire_conn_id, account_sid=self.account_sid)
