"""Stop the forgotten streams of the journal, in some DAGs after a person's approval."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

for dag_id, arguments in {
    "journal_cleanup": {},
    "journal_cleanup_slow": {"max_requests": 1, "period": 1, "max_concurrency": 1},
    "journal_cleanup_with_approval": {"max_stops": 2, "on_limit": "approve"},
    "journal_cleanup_by_name_with_approval": {
        "journal": None,
        "stream_names": ["by name"],
        "min_call_age": 0,
        "max_stops": 2,
        "on_limit": "approve",
    },
    "journal_cleanup_with_short_approval": {"max_stops": 2, "on_limit": "approve", "response_timeout": 1},
}.items():
    with DAG(dag_id, schedule=None):
        CallStreamCleanupOperator(
            task_id="clean_up",
            retries=1,
            retry_delay=timedelta(seconds=1),
            **{"journal": [Asset("streams")], **arguments},
        )
