"""Start a media stream of a conference, work with its audio, and stop it even if the work fails.

Start and stop are setup and teardown: the stop runs if the work fails, and a stop that fails fails the run. The sensor
waits until the stream has stopped.

The connection my_bot has the WebSocket's URL as its host and its bearer token as its password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_signalwire.operators.conference_stream import (
    StartConferenceStreamOperator,
    StopConferenceStreamOperator,
)
from airflow_provider_signalwire.sensors.conference_stream import ConferenceStreamStatusSensor

with DAG(
    dag_id="conference_stream",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={
        "conference_sid": Param(
            type="string", minLength=1, title="Conference SID", description="A conference in progress."
        )
    },
):
    start = StartConferenceStreamOperator(
        task_id="start_conference_stream",
        conference_sid="{{ params.conference_sid }}",
        url="{{ conn.my_bot.host }}",
        authorization_bearer_token="{{ conn.my_bot.password }}",
        codec="L16@24000h",
    ).as_setup()

    stop = StopConferenceStreamOperator(
        task_id="stop_conference_stream",
        conference_sid="{{ params.conference_sid }}",
        stream_sid=start.output["sid"],
    ).as_teardown(setups=start, on_failure_fail_dagrun=True)

    @task
    def work_with_audio(stream: dict[str, str]) -> str:
        """Stand in for what you do while the stream runs, such as waiting for minutes of the meeting."""
        return f"Stream {stream['sid']} sent the audio of conference {stream['conference_sid']} to the WebSocket."

    @task
    def use_result(result: str) -> None:
        """Stand in for what comes after. As a leaf beside the stop, it fails the run if the work has failed."""

    wait = ConferenceStreamStatusSensor(
        task_id="wait_until_stopped",
        conference_sid="{{ params.conference_sid }}",
        stream_sid=start.output["sid"],
        poke_interval=2,
        timeout=300,
    )

    result = work_with_audio(start.output)
    result >> stop >> wait
    use_result(result)
