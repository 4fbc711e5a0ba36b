"""Stop a few dozen media streams, one mapped task for each.

Each stream has its own log, retries and XCom record. Every mapped task is a process, so use one StopCallStreamsOperator
for hundreds of streams.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

with DAG(
    dag_id="stop_mapped_streams",
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

    StopCallStreamOperator.partial(
        task_id="stop_call_stream",
        wait_for_completion=True,
        max_active_tis_per_dagrun=16,
    ).expand_kwargs(find_streams())
