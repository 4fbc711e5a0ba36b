"""Tasks that the tests kill."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.call import CreateCallOperator
from airflow_provider_signalwire.operators.call_stream import RunCallStreamOperator, StartCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import StartConferenceStreamOperator


def hold(context, result):
    """Create the run's file ``reached`` and wait for its file ``release``."""
    folder = Path(os.environ["KILLED_STARTS"]) / context["run_id"]
    (folder / "reached").touch()
    while not (folder / "release").exists():
        time.sleep(0.02)


with DAG(
    "killed_starts",
    schedule=None,
    params={"call_sid": "", "conference_sid": "", "conn_id": "signalwire_default"},
    default_args={
        "retries": 1,
        "retry_delay": timedelta(0),
        "call_sid": "{{ params.call_sid }}",
        "url": "wss://media.example.com/stream",
        "signalwire_conn_id": "{{ params.conn_id }}",
    },
):
    StartCallStreamOperator(task_id="start")
    StartCallStreamOperator(task_id="start_in_time", execution_timeout=timedelta(seconds=1))
    StartCallStreamOperator(task_id="start_then_hold", post_execute=hold)
    StartConferenceStreamOperator(task_id="start_on_conference", conference_sid="{{ params.conference_sid }}")
    RunCallStreamOperator(task_id="run", max_duration=3600)
    CreateCallOperator(
        task_id="create_call", to="+15550100001", from_="+15550100002", url="https://bot.example.com/instructions"
    )
