"""Start a media stream, work with its audio, and stop it even if the work fails.

Start and stop are setup and teardown: the stop runs if the work fails, and a stop that fails fails the run.

The connection my_bot has the WebSocket's URL as its host and its bearer token as its password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator

with DAG(
    dag_id="call_stream_lifecycle",
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
    ).as_setup()

    stop = StopCallStreamOperator(
        task_id="stop_call_stream",
        call_sid="{{ params.call_sid }}",
        stream_sid=start.output["sid"],
        wait_for_completion=True,
    ).as_teardown(setups=start, on_failure_fail_dagrun=True)

    @task
    def work_with_audio(stream: dict[str, str]) -> str:
        """Stand in for what you do while the stream runs, such as waiting for a transcript."""
        return f"Stream {stream['sid']} sent the audio of call {stream['call_sid']} to the WebSocket."

    @task
    def use_result(result: str) -> None:
        """Stand in for what comes after. As a leaf beside the stop, it fails the run if the work has failed."""

    result = work_with_audio(start.output)
    result >> stop
    use_result(result)
