"""Start a media stream, work with its audio, and stop it even if the work fails.

call_stream() makes the start the setup and the stop the teardown of the tasks in its block. The run fails if one of
these tasks fails, or if the stop fails.

The connection my_bot has the WebSocket's URL as its host and its bearer token as its password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.call_stream import call_stream

with DAG(
    dag_id="call_stream_lifecycle",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={"call_sid": Param(type="string", minLength=1, title="Call SID", description="A call in progress.")},
):

    @task
    def work_with_audio(stream_sid: str) -> str:
        """Stand in for what you do while the stream runs, such as waiting for a transcript."""
        return f"Stream {stream_sid} sent the audio of the call to the WebSocket."

    with call_stream(
        call_sid="{{ params.call_sid }}",
        url="{{ conn.my_bot.host }}",
        authorization_bearer_token="{{ conn.my_bot.password }}",
    ) as stream:
        work_with_audio(stream["sid"])
