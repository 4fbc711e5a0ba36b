"""StopCallStreamOperator, synchronous and deferred, in DAGs whose only task is ``wait``."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

VARIANTS = {
    "": {"timeout": 20},
    "_ignoring": {"timeout": 20, "ignore_if_missing": True},
    "_in_vain": {"timeout": 0.2},
}

for mode, deferrable in (("sync", False), ("deferred", True)):
    for suffix, arguments in VARIANTS.items():
        with DAG(f"stop_{mode}{suffix}", schedule=None, params={"call_sid": "", "stream_sid": ""}):
            StopCallStreamOperator(
                task_id="wait",
                call_sid="{{ params.call_sid }}",
                stream_sid="{{ params.stream_sid }}",
                wait_for_completion=True,
                poll_interval=0.1,
                deferrable=deferrable,
                retries=2,
                retry_delay=timedelta(0),
                **arguments,
            )
