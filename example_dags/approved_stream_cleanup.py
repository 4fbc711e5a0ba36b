"""List forgotten media streams, let a person approve the list in Airflow's UI, and stop exactly these streams.

The list is what a dry run of the cleanup returns. The person finds it under *Required Actions*. After *Reject*, nothing
is stopped. Airflow 3.2 or newer (on 3.1, leave out the journal), with apache-airflow-providers-standard 1.13 or newer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param, task
from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator, StopCallStreamsOperator

JOURNAL = Asset("signalwire_streams")


def list_for_person(streams: list[dict[str, Any]]) -> str:
    """Return a table in Markdown. Only the journal knows ages and DAG runs."""
    table = ["| Stream | Age | Started by | Call |", "| --- | --- | --- | --- |"]
    for stream in streams:
        call = stream.get("call_sid") or f"conference {stream['conference_sid']}"
        if "run_id" in stream:
            name, age = stream["name"] or "no name", timedelta(seconds=stream["age_seconds"])
            owner = f"{stream['dag_id']}, {stream['task_id']}, {stream['run_id']} ({stream['run_state']})"
            table.append(f"| {name} ({stream['stream_sid']}) | {age} | {owner} | {call} |")
        else:
            table.append(f"| {stream['stream_sid']}, if it is running | unknown | unknown | {call} |")
    return "\n".join(table)


with DAG(
    dag_id="approved_stream_cleanup",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,
    user_defined_macros={"list_for_person": list_for_person},
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={
        "stream_names": Param(
            ["call_stream_lifecycle.start_call_stream"],
            type="array",
            items={"type": "string"},
            minItems=1,
            title="Stream names",
            description="Names of the streams to stop.",
        ),
        "min_call_age_hours": Param(
            4, type="number", minimum=0, title="Hours", description="Younger calls are ignored."
        ),
    },
):
    dry_run = CallStreamCleanupOperator(
        task_id="list_forgotten_streams",
        journal=[JOURNAL],
        stream_names="{{ params.stream_names }}",
        min_call_age="{{ params.min_call_age_hours * 3600 }}",
        dry_run=True,
    )

    @task.short_circuit
    def get_streams(found: dict[str, Any]) -> list[dict[str, str]]:
        """Return the streams to approve. If there are none, skip the approval."""
        streams: list[dict[str, str]] = found["would_stop"]
        return streams

    streams = get_streams(dry_run.output)

    approve = ApprovalOperator(
        task_id="approve",
        subject="Stop {{ ti.xcom_pull(task_ids='get_streams') | length }} streams?",
        body="""{{ list_for_person(ti.xcom_pull(task_ids='get_streams')) }}

Unknown: not in the journal. The call is older than {{ params.min_call_age_hours }} hours.""",
        response_timeout=timedelta(hours=12),
    )

    # A dry run by name lists every call: on most of them, no stream of that name runs.
    stop = StopCallStreamsOperator(task_id="stop_streams", streams=streams, ignore_if_missing=True, outlets=[JOURNAL])

    streams >> approve >> stop
