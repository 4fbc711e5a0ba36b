"""Start a stream on a call of the Calling API, work with its audio, and stop the stream even if the work fails.

SWML, a Call Flow or RELAY made the call. The connection my_bot has the WebSocket's URL as its host and its bearer token
as its password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.calling_stream import StartCallingStreamOperator, StopCallingStreamOperator

with DAG(
    dag_id="calling_stream_lifecycle",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={"call_id": Param(type="string", minLength=1, title="Call id", description="The call, while it runs.")},
):
    start_stream = StartCallingStreamOperator(
        task_id="start_stream",
        call_id="{{ params.call_id }}",
        url="{{ conn.my_bot.host }}",
        authorization_bearer_token="{{ conn.my_bot.password }}",
        track="both_tracks",
    )

    @task
    def work_with_audio(control_id: str) -> str:
        """Stand in for what you do while the stream runs, such as waiting for a transcript."""
        return f"The stream {control_id!r} sent its audio to the WebSocket."

    stop_stream = StopCallingStreamOperator(
        task_id="stop_stream", call_id="{{ params.call_id }}", control_id=start_stream.output["control_id"]
    )

    work_with_audio(start_stream.output["control_id"]) >> stop_stream.as_teardown(setups=start_stream)
