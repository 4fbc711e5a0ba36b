"""A request of a task that Airflow, or the user, interrupts."""

from __future__ import annotations

from typing import Literal

import pytest

from airflow_provider_signalwire.client.protocol.http import HttpRequest
from airflow_provider_signalwire.client.transport.sync_transport import SyncTransport


def interrupt(monkeypatch: pytest.MonkeyPatch, error: BaseException, *, when: Literal["before", "after"]) -> None:
    """Raise an error before or after the next request is sent; the ones after it are sent as usual."""
    send = SyncTransport.send

    def interrupted(transport: SyncTransport, request: HttpRequest) -> None:
        monkeypatch.setattr(SyncTransport, "send", send)
        if when == "after":
            send(transport, request)
        raise error

    monkeypatch.setattr(SyncTransport, "send", interrupted)
