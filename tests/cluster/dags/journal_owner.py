"""Start streams and record them in the journal, wait for a file, and stop the first stream."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator

JOURNAL = Asset("streams")

for dag_id, timeout in (("journal_owner", None), ("journal_owner_with_timeout", timedelta(seconds=20))):
    with DAG(dag_id, schedule=None, params={"call_sids": [], "file": "", "name": ""}, dagrun_timeout=timeout):

        @task
        def calls(params: dict[str, Any]) -> list[str]:
            return params["call_sids"]

        @task
        def work(params: dict[str, Any]) -> None:
            while not Path(params["file"]).exists():
                time.sleep(0.1)

        start = StartCallStreamOperator.partial(
            task_id="start", url="wss://bot.example.com/", name="{{ params.name or run_id }}", outlets=[JOURNAL]
        ).expand(call_sid=calls())
        stop = StopCallStreamOperator(
            task_id="stop",
            call_sid="{{ params.call_sids[0] }}",
            stream_sid="{{ ti.xcom_pull(task_ids='start', map_indexes=0)['sid'] }}",
        )
        start.as_setup() >> work() >> stop.as_teardown(setups=start)
