"""Stop a handful of media streams, one mapped task for each.

Use it for up to some dozens of streams that another task finds: each gets a log, a retry and a record in XCom of its
own. Every mapped task costs Airflow a process, so hundreds of streams want a batch instead.
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
        poll_interval=0.2,
        ignore_if_missing=True,
        max_active_tis_per_dagrun=16,
    ).expand_kwargs(find_streams())
