"""What operators, sensors, notifiers and triggers share: the hook, and the parent and the stop of a stream."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.protocol.redaction import secrets_in_url
from airflow_provider_signalwire.client.protocol.validation import missing_value
from airflow_provider_signalwire.metrics import AIRFLOW_STATS

if TYPE_CHECKING:
    from airflow_provider_signalwire.client.flows.stop import StopResult
    from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

log = logging.getLogger(__name__)

# Fields that are secret as a whole, or hold a telephone number; and what the names of fields with a URL end with.
_MASKED_WHOLE = frozenset(
    {"authorization_bearer_token", "sip_auth_password", "send_digits", "to", "from_", "caller_id"}
)
_URLS = ("url", "_callback")


class HookMixin:
    """Gives a task its hook. Parsing a DAG file imports no HTTP library: the hook is imported when it is used."""

    signalwire_conn_id: str
    account_sid: str | None

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> None:
        """Render the templates, and mask the secrets and telephone numbers in the results, which Airflow shows.

        A field that renders to None is refused: its default would mean something else. A mapped task is rendered by
        this method alone: its render_template_fields is another class's.
        """
        given = [name for name in template_fields if getattr(parent, name, None) is not None]
        super()._do_render_template_fields(parent, template_fields, *args, **kwargs)  # type: ignore[misc]  # Airflow's templater
        for name in given:
            value = getattr(parent, name)
            if value is None:
                raise missing_value(name)
            for secret in _secrets_in_field(name, value):
                mask_secret(secret)

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


def report_stop(result: StopResult, parent_sid: str, stream_sid: str) -> None:
    """Log and count a stop.

    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID or its name.
    """
    log.log(result.log_level, "%s", result.describe(parent_sid, stream_sid))
    AIRFLOW_STATS.on_stream_stopped(result.outcome)


def _secrets_in_field(name: str, value: Any) -> Collection[str]:
    if not isinstance(value, str):
        return ()
    if name in _MASKED_WHOLE:
        return (value,)
    return secrets_in_url(value) if name.endswith(_URLS) else ()
