"""The metadata that Airflow's provider discovery reads. Every Airflow process imports it, so it imports nothing."""

from __future__ import annotations

from typing import Any, NamedTuple


class Extra(NamedTuple):
    """One of the connection's extras; the form, the parser and the table in ``docs/connection.md`` derive from it.

    :param label: Its name in the form.
    :param description: What it means.
    :param kind: ``number``, ``integer``, ``boolean``, ``path`` or ``proxy``.
    :param default: Its default as a value, or as words where there is no such value.
    :param minimum: Lowest number accepted.
    :param maximum: Highest number accepted.
    :param unit: What a number counts.
    """

    label: str
    description: str
    kind: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""


EXTRAS = {
    "timeout": Extra("Timeout (seconds)", "Maximum time for one attempt.", "number", 30, 0.1, 3600, "seconds"),
    "connect_timeout": Extra(
        "Connect timeout (seconds)", "Maximum time to connect to SignalWire.", "number", 5, 0.1, 300, "seconds"
    ),
    "max_attempts": Extra(
        "Attempts", "Maximum number of times a request is sent; 1 means no retry.", "integer", 5, 1, 100, "attempts"
    ),
    "max_retry_seconds": Extra(
        "Retry for (seconds)", "Maximum time for a request and its retries.", "number", 60, 0, 3600, "seconds"
    ),
    "verify": Extra(
        "Verify the certificate",
        "Turn it off only for tests: without it, anyone on the network path can read the API token.",
        "boolean",
        True,
    ),
    "ca_bundle": Extra(
        "CA bundle",
        "PEM file, or directory of them, with the certificates to trust, on the machine that runs the task.",
        "path",
        "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, or the certificates of the package certifi",
    ),
    "proxy": Extra(
        "Proxy",
        "For example http://proxy.example.com:3128. The form hides it because it may contain a password.",
        "proxy",
        "HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names the host",
    ),
}
_JSON_TYPES = {"path": "string", "proxy": "string"}


def get_provider_info() -> dict[str, Any]:
    """Return this provider's metadata."""
    return {
        "package-name": "airflow-provider-signalwire",
        "name": "SignalWire",
        "description": "Media streams of phone calls with `SignalWire <https://signalwire.com/>`__",
        "integrations": [
            {
                "integration-name": "SignalWire",
                "external-doc-url": "https://signalwire.com/docs/compatibility-api/rest",
                "tags": ["service"],
            }
        ],
        "operators": [
            _modules(
                "operators.call_stream",
                "operators.conference_stream",
                "operators.stream_cleanup",
                "operators.call",
                "operators.calling_stream",
            )
        ],
        "sensors": [_modules("sensors.call_stream", "sensors.conference_stream", "sensors.call")],
        "hooks": [_modules("hooks.signalwire")],
        "notifications": ["airflow_provider_signalwire.notifications.call_stream.StopCallStreamNotifier"],
        "triggers": [
            _modules(
                "triggers.call_stream",
                "triggers.conference_stream",
                "triggers.call",
                "triggers.run_call_stream",
            )
        ],
        "cli": ["airflow_provider_signalwire.cli.definition.get_signalwire_commands"],
        "connection-types": [
            {
                "connection-type": "signalwire",
                "hook-class-name": "airflow_provider_signalwire.hooks.signalwire.SignalWireHook",
                "hook-name": "SignalWire",
                "ui-field-behaviour": _standard_fields(),
                "conn-fields": {name: _form_field(extra) for name, extra in EXTRAS.items()},
            }
        ],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": "SignalWire",
        "python-modules": [f"airflow_provider_signalwire.{name}" for name in names],
    }


def _standard_fields() -> dict[str, Any]:
    """Return the labels and placeholders of the fields that every connection has.

    The scheme is always https and needs no field. The port has a field although 443 is the default: Airflow 3.3.1 and
    3.3.2 do not test a connection without a port.
    """
    return {
        "hidden-fields": ["schema"],
        "relabeling": {"login": "Project ID", "password": "API token", "host": "Space"},
        "placeholders": {
            "login": "5a1c0f6e-9d34-4b7a-8f21-6b0d9e2c7a41",
            "password": "PT…, with the scope Voice",
            "host": "acme or acme.signalwire.com",
            "port": "443 (Airflow 3.3.1 and 3.3.2 need it for Test)",
        },
    }


def _form_field(extra: Extra) -> dict[str, Any]:
    """Return an extra's field. An empty field is saved as null, which means the default."""
    schema: dict[str, Any] = {"type": [_JSON_TYPES.get(extra.kind, extra.kind), "null"]}
    description = extra.description
    if extra.minimum is not None:
        schema |= {"minimum": extra.minimum, "maximum": extra.maximum}
        description += f" {extra.minimum:g} to {extra.maximum:g} {extra.unit}."
    if extra.kind == "boolean":
        schema["default"] = extra.default  # with null, the form would show an empty check box, although null means true
    else:
        description += f" Default: {extra.default}."
    if extra.kind == "proxy":
        schema["format"] = "password"
    return {"label": extra.label, "description": description, "schema": schema}
