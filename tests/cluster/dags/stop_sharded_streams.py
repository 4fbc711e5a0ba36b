"""Stop thousands of media streams on several machines at once, under one rate limit.

A shard is a task, and a task that runs holds a slot of the pool: all that run together send at most the pool's slots
times ``REQUESTS_PER_SECOND``, whichever machines they run on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

SHARDS = 12
REQUESTS_PER_SECOND = 8

with DAG("stop_sharded_streams", schedule=None, params={"streams": Param([], type="array")}):

    @task
    def find_shards(params: dict[str, Any] | None = None) -> list[list[dict[str, str]]]:
        """Stand in for your own query: return the streams to stop, in shards of the same size."""
        streams = (params or {})["streams"]
        return [streams[shard::SHARDS] for shard in range(SHARDS)]

    StopCallStreamsOperator.partial(
        task_id="stop_shard",
        pool="signalwire",
        max_requests=REQUESTS_PER_SECOND,
        period=1,
        retries=2,
        retry_delay=timedelta(seconds=5),
    ).expand(streams=find_shards())
