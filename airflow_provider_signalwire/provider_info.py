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
        "operators": [_modules("operators.call_stream", "operators.stream_cleanup")],
        "sensors": [_modules("sensors.call_stream", "sensors.call")],
        "hooks": [_modules("hooks.signalwire")],
        "triggers": [_modules("triggers.call_stream", "triggers.call")],
        "connection-types": [
            {
                "connection-type": "signalwire",
                "hook-class-name": "airflow_provider_signalwire.hooks.signalwire.SignalWireHook",
                "hook-name": "SignalWire",
                "ui-field-behaviour": _standard_fields(),
                "conn-fields": _extras(),
            }
        ],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": "SignalWire",
        "python-modules": [f"airflow_provider_signalwire.{name}" for name in names],
    }


def _standard_fields() -> dict[str, Any]:
    """Return the labels and placeholders of the fields every connection has.

    The scheme is always https and needs no field. The port is that of https too, but its field stays: Airflow 3.3.2
    and older do not test a connection without a port.
    """
    return {
        "hidden-fields": ["schema"],
        "relabeling": {"login": "Project ID", "password": "API token", "host": "Space"},
        "placeholders": {
            "login": "5a1c0f6e-9d34-4b7a-8f21-6b0d9e2c7a41",
            "password": "PT…, with the scope Voice",
            "host": "acme or acme.signalwire.com",
            "port": "443; fill it in, or Test fails",
        },
    }


def _extras() -> dict[str, Any]:
    """Return the fields of the connection's extras; null, which an empty field is saved as, means the default."""
    return {
        "timeout": {
            "label": "Timeout (seconds)",
            "description": "How long one request may take, 0.1 to 3600 seconds. Default: 30.",
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 3600},
        },
        "connect_timeout": {
            "label": "Connect timeout (seconds)",
            "description": "How long reaching SignalWire may take, 0.1 to 300 seconds. Default: 5.",
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 300},
        },
        "max_attempts": {
            "label": "Attempts",
            "description": "How often a request is sent at most, 1 to 100; 1 means no retry. Default: 5.",
            "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 100},
        },
        "max_retry_seconds": {
            "label": "Retry for (seconds)",
            "description": "How long a request and its retries may take together, 0 to 3600 seconds. Default: 60.",
            "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 3600},
        },
        "verify": {
            "label": "Verify the certificate",
            "description": "Switch it off only for tests: whoever is on the way can then read the API token.",
            # With null, the form would show the check box empty, though null means true.
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        "ca_bundle": {
            "label": "CA bundle",
            "description": "Path of a PEM file, on the machine that runs the task, with the certificates to trust.",
            "schema": {"type": ["string", "null"]},
        },
        "proxy": {
            "label": "Proxy",
            "description": "For example http://proxy.example.com:3128. It is hidden, for it may contain a password.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
    }
