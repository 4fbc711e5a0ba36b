"""Paths of resources, and how messages quote ids."""

from __future__ import annotations

from airflow_provider_signalwire.client.protocol.records import API_ROOT
from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment

_MAX_QUOTED = 100


def account_path(account_sid: str) -> str:
    """Return the path of a project."""
    return f"{API_ROOT}/Accounts/{encode_path_segment('account_sid', account_sid)}"


def parent_path(parent: StreamParent, account_sid: str, sid: str) -> str:
    """Return the path of a call or conference."""
    return f"{account_path(account_sid)}/{parent.collection}/{encode_path_segment(parent.id_name, sid)}"


def quote_sid(sid: str) -> str:
    """Return a SID or a name for a message."""
    return repr(sid) if len(sid) <= _MAX_QUOTED else f"{sid[:_MAX_QUOTED]!r}..."
