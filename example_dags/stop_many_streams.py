"""Stop thousands of media streams in one task, within SignalWire's rate limit.

Another task returns the streams. A few thousand fit into XCom as a list; for more, let that task write a file with one
JSON object per line and return its path.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

with DAG(
    dag_id="stop_many_streams",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={
        "streams": Param(
            [],
            type="array",
            title="Streams",
            description='A list such as [{"call_sid": "…", "stream_sid": "…"}].',
            items={"type": "object", "required": ["call_sid", "stream_sid"]},
        ),
    },
):

    @task
    def find_streams(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        """Stand in for your own query: return the streams to stop."""
        streams: list[dict[str, str]] = (params or {})["streams"]
        return streams

    StopCallStreamsOperator(
        task_id="stop_streams",
        streams=find_streams(),
    )
