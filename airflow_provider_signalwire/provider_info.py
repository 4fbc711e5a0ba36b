"""What Airflow's provider discovery reads; it imports nothing, for it runs in every Airflow process."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return this provider's metadata."""
    return {
        "package-name": "airflow-provider-signalwire",
        "name": "SignalWire",
        "description": "`SignalWire <https://signalwire.com/>`__ phone calls and their media streams.",
        "integrations": [
            {
                "integration-name": "SignalWire",
                "external-doc-url": "https://signalwire.com/docs/compatibility-api/rest",
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": "SignalWire",
                "python-modules": ["airflow_provider_signalwire.operators.call_stream"],
            }
        ],
        "sensors": [
            {
                "integration-name": "SignalWire",
                "python-modules": [
                    "airflow_provider_signalwire.sensors.call_stream",
                    "airflow_provider_signalwire.sensors.call",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "SignalWire",
                "python-modules": ["airflow_provider_signalwire.hooks.signalwire"],
            }
        ],
        "triggers": [
            {
                "integration-name": "SignalWire",
                "python-modules": [
                    "airflow_provider_signalwire.triggers.call_stream",
                    "airflow_provider_signalwire.triggers.call",
                ],
            }
        ],
        "connection-types": [
            {
                "connection-type": "signalwire",
                "hook-class-name": "airflow_provider_signalwire.hooks.signalwire.SignalWireHook",
                "hook-name": "SignalWire",
            }
        ],
    }
