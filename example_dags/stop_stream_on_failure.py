"""Start a media stream, work with its audio, and stop it if the work fails.

If the work succeeds, the stream runs on until another DAG stops it or the call ends. The connection my_bot has the
WebSocket's URL as its host and its bearer token as its password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator

with DAG(
    dag_id="stop_stream_on_failure",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={"call_sid": Param(type="string", minLength=1, title="Call SID", description="A call in progress.")},
):
    start = StartCallStreamOperator(
        task_id="start_call_stream",
        call_sid="{{ params.call_sid }}",
        url="{{ conn.my_bot.host }}",
        authorization_bearer_token="{{ conn.my_bot.password }}",
    )

    stop_stream = StopCallStreamNotifier(
        call_sid="{{ params.call_sid }}", stream_sid="{{ ti.xcom_pull(task_ids='start_call_stream')['sid'] }}"
    )

    @task(on_failure_callback=stop_stream)
    def work_with_audio(stream: dict[str, str]) -> str:
        """Stand in for what you do while the stream runs, such as waiting for a transcript."""
        return f"Stream {stream['sid']} sends the audio of call {stream['call_sid']} to the WebSocket."

    work_with_audio(start.output)
