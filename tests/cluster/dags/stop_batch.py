"""Stop the streams listed in a file in one task, slowly enough to interrupt it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

with DAG("stop_batch", schedule=None):
    StopCallStreamsOperator(
        task_id="stop_streams",
        streams="{{ params.file }}",
        max_requests=250,
        period=1,
        retries=5,
        retry_delay=timedelta(seconds=5),
        params={"file": None},
    )
