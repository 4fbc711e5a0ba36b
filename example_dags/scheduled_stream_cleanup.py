"""Every hour, stop media streams that were forgotten.

Streams of the given names are stopped on every call that is older than a call should be. Try it with *Dry run* first:
it only reads, and returns what it would stop.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator


def alert(context: Any) -> None:
    """Stand in for your own alert: a message to your on-call channel."""
    logging.getLogger(__name__).error("Streams may be left running: %s", context.get("exception"))


with DAG(
    dag_id="scheduled_stream_cleanup",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,
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
        "dry_run": Param(False, type="boolean", title="Dry run", description="Only read; stop nothing."),
    },
):
    CallStreamCleanupOperator(
        task_id="stop_forgotten_streams",
        stream_names="{{ params.stream_names }}",
        min_call_age="{{ params.min_call_age_hours * 3600 }}",
        dry_run="{{ params.dry_run }}",
        retries=2,
        retry_delay=timedelta(minutes=1),
        on_failure_callback=alert,
    )
