"""What operators, sensors and triggers share: the hook, and the call or conference of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_signalwire.client.protocol.validation import missing_value

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook


class HookMixin:
    """Gives a task its hook. Parsing a DAG file imports no HTTP library: the hook is imported when it is used."""

    signalwire_conn_id: str
    account_sid: str | None

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> None:
        """Render the templates. A field that renders to None is refused: its default would mean something else.

        A mapped task is rendered by this method alone: its render_template_fields is another class's.
        """
        given = [name for name in template_fields if getattr(parent, name, None) is not None]
        super()._do_render_template_fields(parent, template_fields, *args, **kwargs)  # type: ignore[misc]  # Airflow's templater
        for name in given:
            if getattr(parent, name) is None:
                raise missing_value(name)

    @cached_property
    def hook(self) -> SignalWireHook:
        """The hook for this task's connection and project."""
        from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

        return SignalWireHook(self.signalwire_conn_id, account_sid=self.account_sid)


class StreamParentMixin:
    """Gives a class the SID of its stream's call or conference, which has a field of its own name in each subclass."""

    parent: ClassVar[StreamParent]

    @property
    def parent_sid(self) -> str:
        """SID of the call or conference."""
        sid: str = getattr(self, self.parent.id_name)
        return sid
