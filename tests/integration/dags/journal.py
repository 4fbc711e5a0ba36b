"""DAGs that start streams and record them in the journal, and cleanups by that journal."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param, task

from airflow_provider_signalwire.journal_events import check_journal_supported
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import StartConferenceStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

try:
    check_journal_supported()
    HAS_JOURNAL = True
except Exception:  # Airflow before 3.2
    HAS_JOURNAL = False

JOURNAL = Asset("streams")

if HAS_JOURNAL:
    for dag_id, outlives_run in (("journal_start", False), ("journal_start_outliving", True)):
        with DAG(dag_id, schedule=None, params={"call_sids": [], "name": "bot"}):

            @task
            def calls(params: dict[str, Any]) -> list[str]:
                return params["call_sids"]

            StartCallStreamOperator.partial(
                task_id="start",
                url="wss://bot.example.com/",
                name="{{ params.name }}",
                outlives_run=outlives_run,
                outlets=[JOURNAL],
            ).expand(call_sid=calls())

    with DAG("journal_start_conference", schedule=None, params={"conference_sid": ""}):
        StartConferenceStreamOperator(
            task_id="start",
            conference_sid="{{ params.conference_sid }}",
            url="wss://bot.example.com/",
            name="bot",
            outlets=[JOURNAL],
        )

    PARAMS = {"dry_run": Param(False, type="boolean"), "min_stream_age": 30 * 24 * 3600}
    JOURNALS = {"streams": JOURNAL, "unmentioned": Asset("a journal that no other DAG mentions")}
    for name, asset in JOURNALS.items():
        with DAG(f"journal_cleanup_{name}", schedule=None, params=PARAMS):
            CallStreamCleanupOperator(
                task_id="clean_up",
                journal=[asset],
                min_stream_age="{{ params.min_stream_age }}",
                max_stops=5,
                dry_run="{{ params.dry_run }}",
            )

    with DAG("journal_cleanup_both_ways", schedule=None):
        CallStreamCleanupOperator(task_id="clean_up", journal=[JOURNAL], stream_names=["bot"], min_call_age=1800)
