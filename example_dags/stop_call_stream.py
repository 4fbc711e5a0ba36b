"""Stop one media stream of a call, and wait until it has stopped.

Trigger it, enter the SIDs in the form, and read the record in XCom. Or copy the one task into a DAG of your own that
knows the SIDs.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

with DAG(
    dag_id="stop_call_stream",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={
        "call_sid": Param(
            type="string", minLength=1, title="Call SID", description="The call that carries the stream."
        ),
        "stream_sid": Param(
            type="string", minLength=1, title="Stream SID or name", description="The stream, by its SID or by its name."
        ),
    },
):
    StopCallStreamOperator(
        task_id="stop_call_stream",
        call_sid="{{ params.call_sid }}",
        stream_sid="{{ params.stream_sid }}",
        wait_for_completion=True,
        poll_interval=2,
    )
