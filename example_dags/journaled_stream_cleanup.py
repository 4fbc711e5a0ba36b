"""Every hour, stop media streams whose DAG run has ended.

The journal is an asset: list it among the ``outlets`` of every task that starts or stops streams. Airflow 3.2 or newer.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param

from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

JOURNAL = Asset("signalwire_streams")


def alert(context: Any) -> None:
    """Stand in for your own alert: a message to your on-call channel."""
    logging.getLogger(__name__).error("Streams may be left running: %s", context.get("exception"))


with DAG(
    dag_id="journaled_stream_cleanup",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={"dry_run": Param(False, type="boolean", title="Dry run", description="Only read; stop nothing.")},
):
    CallStreamCleanupOperator(
        task_id="stop_forgotten_streams",
        journal=[JOURNAL],
        min_stream_age=timedelta(hours=12),
        dry_run="{{ params.dry_run }}",
        retries=2,
        retry_delay=timedelta(minutes=1),
        on_failure_callback=alert,
    )
