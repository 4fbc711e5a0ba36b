"""Stream a call to a WebSocket for at most 15 minutes, or until the call ends.

One task starts the stream, waits without occupying a worker, and stops the stream.

The connection my_bot has the WebSocket's URL as its host and its bearer token as its password.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_signalwire.operators.call_stream import RunCallStreamOperator

with DAG(
    dag_id="run_call_stream",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={"call_sid": Param(type="string", minLength=1, title="Call SID", description="A call in progress.")},
):
    RunCallStreamOperator(
        task_id="run_call_stream",
        call_sid="{{ params.call_sid }}",
        url="{{ conn.my_bot.host }}",
        authorization_bearer_token="{{ conn.my_bot.password }}",
        max_duration=timedelta(minutes=15),
    )
