"""Wait in deferred sensors until several streams have stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

with DAG("wait_for_streams", schedule=None, params={"streams": []}, max_active_tasks=1000):

    @task
    def find_streams(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        return (params or {})["streams"]

    CallStreamStatusSensor.partial(
        task_id="wait_for_stream",
        deferrable=True,
        poke_interval=2,
        timeout=1800,
        retries=5,
        retry_delay=timedelta(seconds=15),
    ).expand_kwargs(find_streams())
