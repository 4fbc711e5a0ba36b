"""Start a stream on each of several calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator

with DAG("start_streams", schedule=None, params={"call_sids": []}):

    @task
    def find_calls(params: dict[str, Any] | None = None) -> list[str]:
        return (params or {})["call_sids"]

    StartCallStreamOperator.partial(
        task_id="start_stream",
        url="wss://bot.example.com/audio",
        retries=5,
        retry_delay=timedelta(seconds=5),
    ).expand(call_sid=find_calls())
