"""DAGs whose operators record their streams in the journal."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import (
    StartConferenceStreamOperator,
    StopConferenceStreamOperator,
)
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

JOURNAL = Asset("recorded streams")
PARAMS = {"call_sid": "", "conference_sid": "", "stream_sid": "", "streams": [], "call_sids": []}


def make_dag(dag_id: str) -> DAG:
    return DAG(dag_id, schedule=None, params=PARAMS, render_template_as_native_obj=True)


with make_dag("record_start"):
    StartCallStreamOperator(
        task_id="start",
        call_sid="{{ params.call_sid }}",
        url="wss://bot.example.com/?key=signed-key-99",
        name="for +15551234567",
        outlives_run=True,
        outlets=[JOURNAL],
    )

with make_dag("record_mapped_starts"):

    @task
    def call_sids(params: dict[str, Any]) -> list[str]:
        return params["call_sids"]

    StartCallStreamOperator.partial(task_id="start", url="wss://bot.example.com/", outlets=[JOURNAL]).expand(
        call_sid=call_sids()
    )

for dag_id, options in {
    "record_stop": {},
    "record_deferred_stop": {"wait_for_completion": True, "deferrable": True, "poll_interval": 0.1},
    "record_ignored_stop": {"ignore_if_missing": True},
}.items():
    with make_dag(dag_id):
        StopCallStreamOperator(
            task_id="stop",
            call_sid="{{ params.call_sid }}",
            stream_sid="{{ params.stream_sid }}",
            outlets=[JOURNAL],
            **options,
        )

with make_dag("record_conference"):
    start = StartConferenceStreamOperator(
        task_id="start",
        conference_sid="{{ params.conference_sid }}",
        url="wss://bot.example.com/",
        name="bot",
        outlets=[JOURNAL],
    )
    StopConferenceStreamOperator(
        task_id="stop",
        conference_sid="{{ params.conference_sid }}",
        stream_sid=start.output["sid"],
        outlets=[JOURNAL],
    )

with make_dag("record_stops"):
    StopCallStreamsOperator(
        task_id="stop", streams="{{ params.streams }}", fail_on_error=False, max_concurrency=1, outlets=[JOURNAL]
    )

with make_dag("record_nothing"):
    StopCallStreamOperator(task_id="stop", call_sid="{{ params.call_sid }}", stream_sid="{{ params.stream_sid }}")
