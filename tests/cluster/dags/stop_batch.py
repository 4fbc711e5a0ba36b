"""Stop the streams listed in a file in one task: slowly enough to interrupt it, and with the default rate limit."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

for dag_id, rate_limit in {"stop_batch": {"max_requests": 250, "period": 1}, "stop_batch_fast": {}}.items():
    with DAG(dag_id, schedule=None):
        StopCallStreamsOperator(
            task_id="stop_streams",
            streams="{{ params.file }}",
            retries=5,
            retry_delay=timedelta(seconds=5),
            params={"file": None},
            **rate_limit,
        )
