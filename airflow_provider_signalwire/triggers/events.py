"""What a task makes of the event that its trigger sent."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireError


def record_of(event: Any) -> Any:
    """Return the record an event carries, or raise the error it carries.

    :param event: What Airflow passed to ``execute_complete``.
    :raises SignalWireError: the trigger's own, or a plain one if the event is none of ours: only what is known
        to be a success may count as one.
    """
    if isinstance(event, dict) and event.get("status") == "success" and "record" in event:
        return event["record"]
    if isinstance(event, dict) and event.get("status") == "error":
        raise SignalWireError.from_event(event)
    raise SignalWireError(
        f"The trigger sent an event this provider does not know: {mask_phone_numbers(repr(event)):.200}. Check that "
        "triggerer and workers run the same version of airflow-provider-signalwire."
    )
