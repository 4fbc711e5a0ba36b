"""Stop the forgotten streams of the journal; with another limit, ask a person first."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

for dag_id, arguments in {
    "journal_cleanup": {},
    "journal_cleanup_unmentioned": {"journal": [Asset("a journal that no other DAG mentions")]},
    "journal_cleanup_slow": {"max_requests": 1, "period": 1, "max_concurrency": 1},
    "journal_cleanup_asking": {"max_stops": 2, "on_limit": "approve"},
    "journal_cleanup_asking_by_name": {
        "journal": None,
        "stream_names": ["by name"],
        "min_call_age": 0,
        "max_stops": 2,
        "on_limit": "approve",
    },
    "journal_cleanup_asking_briefly": {"max_stops": 2, "on_limit": "approve", "response_timeout": 1},
}.items():
    with DAG(dag_id, schedule=None):
        CallStreamCleanupOperator(
            task_id="clean_up",
            retries=1,
            retry_delay=timedelta(seconds=1),
            **{"journal": [Asset("streams")], **arguments},
        )
