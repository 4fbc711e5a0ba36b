"""The sensors in each mode, in DAGs whose only task is ``wait``."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
STREAM_VARIANTS = {
    "": {"timeout": 20},
    "_softly": {"timeout": 20, "soft_fail": True},
    "_softly_in_vain": {"timeout": 0.2, "soft_fail": True},
}
ALWAYS = {"task_id": "wait", "poke_interval": 0.1, "retries": 2, "retry_delay": timedelta(0)}

for name, mode in MODES.items():
    for suffix, arguments in STREAM_VARIANTS.items():
        with DAG(f"stream_sensor_{name}{suffix}", schedule=None, params={"call_sid": "", "stream_sid": ""}):
            CallStreamStatusSensor(
                call_sid="{{ params.call_sid }}",
                stream_sid="{{ params.stream_sid }}",
                **ALWAYS,
                **mode,
                **arguments,
            )
    with DAG(f"call_sensor_{name}", schedule=None, params={"call_sid": ""}):
        CallStatusSensor(call_sid="{{ params.call_sid }}", **ALWAYS, **mode)
