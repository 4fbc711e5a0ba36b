"""A DAG whose task starts streams and records them in the journal, and cleanups by that journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param, task

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.journal import StreamEvent
from airflow_provider_signalwire.journal_store import check_journal_supported, write_stream_events
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

try:
    check_journal_supported()
    HAS_JOURNAL = True
except Exception:  # Airflow before 3.2
    HAS_JOURNAL = False

JOURNAL = Asset("streams")

if HAS_JOURNAL:
    with DAG("journal_start", schedule=None, params={"call_sids": [], "name": "bot", "hours": 0, "outlives": False}):

        @task(outlets=[JOURNAL])
        def start(params: dict[str, Any], **context: Any) -> list[str]:
            hook = SignalWireHook()
            at = datetime.now(UTC) - timedelta(hours=params["hours"])
            records = [
                hook.start_call_stream(call_sid, url="wss://bot.example.com/", name=params["name"])
                for call_sid in params["call_sids"]
            ]
            events = [
                StreamEvent(
                    *("started", record["account_sid"], record["call_sid"], record["sid"], record["name"], at),
                    outlives_run=params["outlives"],
                )
                for record in records
            ]
            write_stream_events(context, [JOURNAL], events)
            return [record["sid"] for record in records]

        start()

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
