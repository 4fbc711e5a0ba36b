"""Start a stream and record it in the journal, wait for a file, and stop the stream."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.journal import StreamEvent
from airflow_provider_signalwire.journal_store import write_stream_events
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

JOURNAL = Asset("streams")

for dag_id, timeout in (("journal_owner", None), ("journal_owner_in_time", timedelta(seconds=10))):
    with DAG(dag_id, schedule=None, params={"call_sids": [], "file": "", "name": ""}, dagrun_timeout=timeout):

        @task(outlets=[JOURNAL])
        def start(params: dict[str, Any], **context: Any) -> list[str]:
            hook = SignalWireHook()
            records = [
                hook.start_call_stream(sid, url="wss://bot.example.com/", name=params["name"] or context["run_id"])
                for sid in params["call_sids"]
            ]
            events = [
                StreamEvent(
                    "started", each["account_sid"], each["call_sid"], each["sid"], each["name"], datetime.now(UTC)
                )
                for each in records
            ]
            write_stream_events(context, [JOURNAL], events)
            return [each["sid"] for each in records]

        @task
        def work(params: dict[str, Any]) -> None:
            while not Path(params["file"]).exists():
                time.sleep(0.1)

        started = start()
        stop = StopCallStreamOperator(
            task_id="stop",
            call_sid="{{ params.call_sids[0] }}",
            stream_sid="{{ ti.xcom_pull(task_ids='start')[0] }}",
            retries=0,
        )
        started.operator.as_setup() >> work() >> stop.as_teardown(setups=started.operator)
