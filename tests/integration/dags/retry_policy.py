"""A stop whose next try begins when its retry policy says so."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.retry_policy import SignalWireRetryPolicy

with DAG("stop_with_policy", schedule=None, params={"call_sid": "", "stream_sid": ""}):
    StopCallStreamOperator(
        task_id="stop",
        call_sid="{{ params.call_sid }}",
        stream_sid="{{ params.stream_sid }}",
        retries=1,
        retry_delay=timedelta(days=1),
        retry_policy=SignalWireRetryPolicy(),
    )
