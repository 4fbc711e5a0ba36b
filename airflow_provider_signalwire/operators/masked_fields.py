"""Operators whose templated fields may hold secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_signalwire._compat import mask_secret
from airflow_provider_signalwire.client.protocol.redaction import secrets_in_url
from airflow_provider_signalwire.hooks.hook_mixin import HookMixin

# Fields that are secret as a whole, and fields that hold a telephone number.
_MASKED_WHOLE = frozenset({"authorization_bearer_token", "sip_auth_password", "to", "from_", "caller_id"})


class MaskedFieldsMixin(HookMixin):
    """Masks the keys, passwords and telephone numbers in rendered fields, which Airflow shows."""

    def _do_render_template_fields(self, parent: Any, template_fields: Iterable[str], *args: Any, **kw: Any) -> None:
        super()._do_render_template_fields(parent, template_fields, *args, **kw)
        for name in template_fields:
            value = getattr(parent, name)
            if isinstance(value, str):
                for secret in {value} if name in _MASKED_WHOLE else secrets_in_url(value):
                    mask_secret(secret)
